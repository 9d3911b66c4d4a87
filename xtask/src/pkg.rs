//! `cargo xtask pkg`: the npm package, from crates to `pkg/dist`, and its tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagecache::diagnostic::Code;
use imagecache::resource::{self, CrdVersion};
use serde_json::{Map, Value, json};
use xshell::{Shell, cmd};

use crate::setup::{self, WASM};
use crate::test::Count;
use crate::wasm::Module;

mod types;

/// A module of the package: its folder in `dist`, the features of the crate, whether it also comes as text in a file.
const MODULES: [(&str, &str, bool); 3] = [
    ("full", "yaml", true),
    ("json", "", false),
    (PLAN, "yaml,plan", false),
];

/// The module that has the functions of `pkg/js/plan.js` as well.
const PLAN: &str = "plan";

/// The files beside every module, as they are written in `pkg/js`.
const BESIDE: [&str; 7] = [
    "api.js",
    "node.js",
    "node.cjs",
    "web.js",
    "texts.cjs",
    "texts.d.ts",
    "texts.d.cts",
];

/// Builds `pkg/dist`.
pub(crate) fn run(sh: &Shell) -> Result<()> {
    let bindgen = bindgen(sh)?;
    let root = setup::root()?;
    let (js, dist) = (root.join("pkg/js"), root.join("pkg/dist"));
    sh.remove_path(&dist)?;
    let texts = texts()?;
    let declarations = fs::read_to_string(js.join("api.d.ts"))? + &types::declarations(&root)?;
    for (name, features, inline) in MODULES {
        let out = dist.join(name);
        sh.create_dir(&out)?;
        build(sh, &bindgen, features, &out)?;
        fs::write(out.join("index.d.ts"), &declarations)?;
        fs::write(out.join("index.d.cts"), &declarations)?;
        fs::write(out.join("texts.js"), &texts)?;
        for file in BESIDE {
            sh.copy_file(js.join(file), out.join(file))?;
        }
        if name == PLAN {
            add_plan(&root, &out)?;
        }
        if inline {
            let text = STANDARD.encode(fs::read(out.join("imagecache.wasm"))?);
            let entry = fs::read_to_string(js.join("inline.js"))?.replace("@BASE64@", &text);
            fs::write(out.join("inline.js"), entry)?;
            sh.copy_file(js.join("inline.cjs"), out.join("inline.cjs"))?;
        }
    }
    // npm packs it without being asked.
    sh.copy_file(root.join("LICENSE"), root.join("pkg/LICENSE"))?;
    println!("built pkg/dist");
    Ok(())
}

/// Adds `plan` and the sample of prices to the functions and declarations of a module.
fn add_plan(root: &Path, out: &Path) -> Result<()> {
    let js = root.join("pkg/js");
    let prices = fs::read_to_string(root.join("src/plan/sample-prices.json"))?;
    let prices: Value = serde_json::from_str(&prices)?;
    let code = fs::read_to_string(js.join("plan.js"))?.replace("'@PRICES@'", &prices.to_string());
    append(&out.join("api.js"), &code)?;
    for entry in ["node.js", "web.js"] {
        append(
            &out.join(entry),
            "export { plan, samplePrices } from './api.js';\n",
        )?;
    }
    let types = fs::read_to_string(js.join("plan.d.ts"))? + &types::plan_declarations(root)?;
    for file in ["index.d.ts", "index.d.cts"] {
        append(&out.join(file), &types)?;
    }
    Ok(())
}

fn append(file: &Path, text: &str) -> Result<()> {
    let before = fs::read_to_string(file)?;
    Ok(fs::write(file, before + "\n" + text)?)
}

/// Builds the package, prints its sizes and holds them against `pkg/sizes.json`.
pub(crate) fn size(sh: &Shell) -> Result<()> {
    run(sh)?;
    cmd!(sh, "node pkg/tests/sizes.mjs").quiet().run()?;
    Ok(())
}

/// Data that is only read, never decided on: every rule with its page, the CustomResourceDefinition, the JSON Schemas.
/// Beside the module bundlers leave it out where it is not imported.
fn texts() -> Result<String> {
    let rules = Code::ALL.iter().map(|code| {
        let rule = json!({
            "code": code,
            "name": code.name(),
            "severity": code.severity(),
            "summary": code.summary(),
            "page": code.page(),
        });
        (code.as_str().to_owned(), rule)
    });
    let rules = serde_json::to_string(&rules.collect::<Map<String, Value>>())?;
    let (crd, schema) = (resource::crd(CrdVersion::V1), resource::json_schema());
    let annotations = resource::pod_annotations_schema();
    Ok(format!(
        "// Made by `cargo xtask pkg` from the core.\n\
         export const rules = {rules};\n\
         export const crd = () => ({crd});\n\
         export const schema = () => ({schema});\n\
         export const podAnnotations = () => ({annotations});\n"
    ))
}

/// The two ways over the boundary, for the benchmark.
pub(crate) fn boundary(sh: &Shell) -> Result<()> {
    let out = setup::target(sh)?.join("boundary");
    sh.create_dir(&out)?;
    module(sh, &bindgen(sh)?, "imagecache-boundary", "", &out)
}

fn build(sh: &Shell, bindgen: &Path, features: &str, out: &Path) -> Result<()> {
    module(sh, bindgen, "imagecache-wasm", features, out)?;
    fs::rename(out.join("glue_bg.wasm"), out.join("imagecache.wasm"))?;
    // Every entry names its module; the place that the glue would guess only misleads bundlers.
    let glue = out.join("glue.js");
    let text = fs::read_to_string(&glue)?;
    let guess = "new URL('glue_bg.wasm', import.meta.url)";
    ensure!(
        text.contains(guess),
        "the glue has another form than expected"
    );
    let text = uncommented(&text).replace(guess, "undefined");
    fs::write(&glue, beside(sh, &text, out)?)?;
    Ok(())
}

/// Puts the script of the shim beside the glue, whose folder for it has another name with each version of the tool.
fn beside(sh: &Shell, glue: &str, out: &Path) -> Result<String> {
    let parts = glue
        .split_once("./snippets/")
        .and_then(|(before, rest)| Some((before, rest.split_once("/part.js")?)));
    let (before, (folder, after)) = parts.context("the glue does not import `part.js`")?;
    let snippets = out.join("snippets");
    let script = fs::read_to_string(snippets.join(folder).join("part.js"))?;
    fs::write(out.join("part.js"), uncommented(&script))?;
    sh.remove_path(snippets)?;
    Ok(format!("{before}./part.js{after}"))
}

/// Leaves out lines of comments. The functions are documented in `api.d.ts`.
fn uncommented(script: &str) -> String {
    let comment = |line: &&str| {
        let line = line.trim();
        line == "*"
            || ["/**", "* ", "*/", "//"]
                .iter()
                .any(|start| line.starts_with(start))
    };
    let code: Vec<&str> = script.lines().filter(|line| !comment(line)).collect();
    code.join("\n")
}

/// Builds a module, `glue_bg.wasm`, and its `glue.js`.
fn module(sh: &Shell, bindgen: &Path, package: &str, features: &str, out: &Path) -> Result<()> {
    let module = Module {
        package,
        features,
        // wasm-bindgen reads a section that stripping removes as well; then it strips.
        named: true,
    };
    let module = module.build(sh)?;
    cmd!(sh, "{bindgen} {module} --target web --out-dir {out} --out-name glue --no-typescript --remove-name-section --remove-producers-section").quiet().run()?;
    Ok(())
}

/// The tool that writes JavaScript around a module and runs the tests in one.
fn bindgen(sh: &Shell) -> Result<PathBuf> {
    let target = setup::target(sh)?.join("bindgen");
    cmd!(sh, "cargo build --quiet --locked --manifest-path xtask/bindgen/Cargo.toml --target-dir {target}")
        .run()
        .context("cannot build the wasm-bindgen tool")?;
    Ok(target.join("debug/bindgen"))
}

/// The tests of the package: of the shim, in the module, under Node and in Chromium; of what `npm pack` packs, where
/// JavaScript runs.
pub(crate) fn test(sh: &Shell, count: &mut Count) -> Result<()> {
    run(sh)?;
    install(sh)?;
    let runner = format!("{} test", bindgen(sh)?.display());
    let shim = |browser: bool| {
        let mut command = Command::new("cargo");
        command.args([
            "test",
            "--no-fail-fast",
            "--package",
            "imagecache-wasm",
            "--target",
            WASM,
        ]);
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", &runner);
        if browser {
            command.env("WASM_BINDGEN_USE_BROWSER", "1");
            command.env("CHROMEDRIVER", "/usr/bin/chromedriver");
            // Seconds. A browser's first start on a new machine is slow.
            command.env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "60");
            command.env("WASM_BINDGEN_TEST_TIMEOUT", "180");
        }
        command
    };
    count.run_in_host(&mut shim(false))?;
    count.run_in_host(&mut shim(true))?;
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=tap", "--test-concurrency=1"]);
    // The corpus is asked here as well: it needs the same package and the same browser.
    node.args(setup::node_tests("pkg/tests")?);
    count.run(node.args(setup::node_tests("tests/conformance/js")?))
}

/// What the tests need: a browser and its driver, the packages of `pkg/tests`, and among them ours as npm packs it.
pub(crate) fn install(sh: &Shell) -> Result<()> {
    setup::chromium(sh)?;
    let packed = setup::target(sh)?.join("npm");
    sh.remove_path(&packed)?;
    sh.create_dir(&packed)?;
    {
        let _pkg = sh.push_dir("pkg");
        cmd!(sh, "npm pack --silent --pack-destination {packed}").run()?;
    }
    let archive = sh
        .read_dir(&packed)?
        .into_iter()
        .next()
        .context("npm packed nothing")?;
    let _tests = sh.push_dir("pkg/tests");
    let [lock, done] = ["package-lock.json", "node_modules/.package-lock.json"]
        .map(|file| fs::metadata(sh.current_dir().join(file)).and_then(|file| file.modified()));
    if done.ok() < lock.ok() {
        cmd!(sh, "npm ci --silent --ignore-scripts").run()?;
    }
    // As npm would lay it out; npm itself would ask the registry about everything else again.
    sh.remove_path("node_modules/imagecache")?;
    sh.create_dir("node_modules/imagecache")?;
    cmd!(
        sh,
        "tar -xzf {archive} -C node_modules/imagecache --strip-components=1"
    )
    .run()?;
    Ok(())
}
