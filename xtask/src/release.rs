//! `cargo xtask release --dry-run`: every file of a release for this machine's targets, below `target/release-artifacts`.
//!
//! Nothing is published from here: the workflow `release.yml` does that, with the same files for all targets.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use flate2::{Compression, GzBuilder};
use serde_json::json;
use xshell::{Shell, cmd};

use crate::project::{Project, VERSION};
use crate::test::Count;
use crate::{bundles, image, pkg, sbom, setup, www};

/// Shells with a completion script, and the name of its file.
const SHELLS: [(&str, &str); 4] = [
    ("bash", "imagecache.bash"),
    ("zsh", "_imagecache"),
    ("fish", "imagecache.fish"),
    ("powershell", "_imagecache.ps1"),
];

/// Makes the files and checks the image.
pub(crate) fn run(sh: &Shell, dry_run: bool) -> Result<()> {
    ensure!(
        dry_run,
        "the workflow .github/workflows/release.yml publishes; add --dry-run to make the files"
    );
    let out = setup::target(sh)?.join("release-artifacts");
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    fs::create_dir_all(&out)?;
    let epoch = image::epoch(sh)?;
    // The binary carries the page.
    www::run(sh)?;
    let layout = image::run(sh, &[])?;
    let notices = sbom::notices(sh)?;
    fs::write(out.join("THIRD-PARTY-NOTICES.txt"), &notices)?;
    let bill = serde_json::to_vec_pretty(&sbom::cyclonedx(sh)?)?;
    fs::write(out.join(format!("imagecache-v{VERSION}.cdx.json")), bill)?;
    let mut archives = Vec::new();
    for platform in &image::PLATFORMS {
        let binary = platform.binary(sh)?;
        if binary.exists() {
            let name = binary_archive(sh, &out, platform, &binary, &notices, epoch)?;
            archives.push((platform.arch, name));
        }
    }
    krew(&out, &archives)?;
    let tar = out.join(format!("imagecache-v{VERSION}-image.tar"));
    fs::write(tar, archive(&files_below(&layout, "")?, epoch)?)?;
    chart(sh, &out)?;
    npm(sh, &out)?;
    policies(sh, &out, epoch)?;
    checksums(&out)?;
    let mut count = Count::default();
    image::check(sh, &mut count, &layout, &layout)?;
    check(sh, &mut count, &out)?;
    count.close()?;
    println!("{}", out.display());
    Ok(())
}

/// A file of an archive: its path there, its mode, its content.
type File = (String, u32, Vec<u8>);

/// Returns the files below a folder, sorted; `prefix` begins their paths in the archive.
fn files_below(folder: &Path, prefix: &str) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut entries = fs::read_dir(folder)
        .with_context(|| folder.display().to_string())?
        .collect::<std::io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            files.extend(files_below(&entry.path(), &format!("{name}/"))?);
        } else {
            files.push((name, 0o644, fs::read(entry.path())?));
        }
    }
    Ok(files)
}

/// Returns files as a tar archive with fixed times and owners.
fn archive(files: &[File], epoch: u64) -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, mode, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_mode(*mode);
        header.set_mtime(epoch);
        header.set_size(u64::try_from(content.len())?);
        tar.append_data(&mut header, path, content.as_slice())?;
    }
    Ok(tar.into_inner()?)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut gzip = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    gzip.write_all(bytes)?;
    Ok(gzip.finish()?)
}

/// Makes the archive of a binary, as `cargo binstall` and krew find it; returns its name.
fn binary_archive(
    sh: &Shell,
    out: &Path,
    platform: &image::Platform,
    binary: &Path,
    notices: &str,
    epoch: u64,
) -> Result<String> {
    let root = setup::root()?;
    let name = format!("imagecache-v{VERSION}-{}", platform.target);
    let mut files = vec![
        (format!("{name}/imagecache"), 0o755, fs::read(binary)?),
        (
            format!("{name}/THIRD-PARTY-NOTICES.txt"),
            0o644,
            notices.as_bytes().to_vec(),
        ),
    ];
    for file in ["LICENSE", "README.md", "CHANGELOG.md"] {
        files.push((format!("{name}/{file}"), 0o644, fs::read(root.join(file))?));
    }
    let completer = "kubectl_complete-imagecache";
    let script = fs::read(root.join("deploy/kubectl").join(completer))?;
    files.push((format!("{name}/{completer}"), 0o755, script));
    // Pages and scripts are the same for every platform: the debug build writes them.
    let command = setup::imagecache(sh)?;
    let pages = sh.create_temp_dir()?;
    let folder = pages.path();
    cmd!(sh, "{command} man {folder}").quiet().run()?;
    files.extend(files_below(folder, &format!("{name}/man/"))?);
    for (shell, file) in SHELLS {
        let script = cmd!(sh, "{command} completions {shell}").quiet().read()?;
        files.push((
            format!("{name}/completions/{file}"),
            0o644,
            (script + "\n").into_bytes(),
        ));
    }
    let file = format!("{name}.tar.gz");
    fs::write(out.join(&file), gzip(&archive(&files, epoch)?)?)?;
    Ok(file)
}

/// Writes the manifest of the plugin for krew's index.
fn krew(out: &Path, archives: &[(&str, String)]) -> Result<()> {
    let project = Project::read()?;
    let mut platforms = Vec::new();
    for (arch, file) in archives {
        let folder = file.trim_end_matches(".tar.gz");
        platforms.push(json!({
            "selector": {"matchLabels": {"os": "linux", "arch": arch}},
            "uri": format!("{}/releases/download/v{VERSION}/{file}", project.repository),
            "sha256": image::digest(&fs::read(out.join(file))?),
            "files": [
                {"from": format!("{folder}/imagecache"), "to": "."},
                {"from": format!("{folder}/kubectl_complete-imagecache"), "to": "."},
                {"from": format!("{folder}/LICENSE"), "to": "."},
            ],
            "bin": "imagecache",
        }));
    }
    let plugin = json!({
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": "imagecache"},
        "spec": {
            "version": format!("v{VERSION}"),
            "homepage": project.repository,
            "shortDescription": "Validate, match and expire ECI image caches",
            "description": "Reports errors in ImageCaches and workloads of Alibaba Cloud ECI, shows which cache each pod \
                            uses and why, and when caches expire.\n",
            "caveats": "For completions put kubectl_complete-imagecache of the archive on the PATH.\n",
            "platforms": platforms,
        },
    });
    let text = serde_saphyr::to_string(&plugin).context("cannot write YAML")?;
    fs::create_dir_all(out.join("krew"))?;
    fs::write(out.join("krew/imagecache.yaml"), text)?;
    Ok(())
}

/// Packs the chart with Helm.
fn chart(sh: &Shell, out: &Path) -> Result<()> {
    setup::npm_packages(sh, "tests/deploy/node")?;
    let helm = setup::root()?.join("tests/deploy/node/node_modules/.bin/helm");
    let folder = out.join("charts");
    cmd!(
        sh,
        "{helm} package deploy/chart --destination {folder} --version {VERSION} --app-version {VERSION}"
    )
    .quiet()
    .ignore_stdout()
    .run()?;
    sh.copy_file("deploy/chart/artifacthub-repo.yml", &folder)?;
    Ok(())
}

/// Packs the npm package.
fn npm(sh: &Shell, out: &Path) -> Result<()> {
    pkg::run(sh)?;
    let folder = out.join("npm");
    fs::create_dir_all(&folder)?;
    let _folder = sh.push_dir("pkg");
    cmd!(
        sh,
        "npm pack --silent --ignore-scripts --pack-destination {folder}"
    )
    .quiet()
    .ignore_stdout()
    .run()?;
    Ok(())
}

/// Puts the Kubewarden policy into the folder of its version, and the other bundles into one archive.
fn policies(sh: &Shell, out: &Path, epoch: u64) -> Result<()> {
    bundles::run(sh, false)?;
    let version = out.join("artifacthub/kubewarden/imagecache").join(VERSION);
    fs::create_dir_all(&version)?;
    let source = "policy-bundles/kubewarden";
    for file in [
        "artifacthub-pkg.yml",
        "README.md",
        "questions-ui.yml",
        "rbac.yaml",
        "cluster-admission-policies.yaml",
    ] {
        sh.copy_file(format!("{source}/{file}"), &version)?;
    }
    sh.copy_file(
        format!("{source}/artifacthub-repo.yml"),
        out.join("artifacthub/kubewarden"),
    )?;
    sh.copy_file(
        setup::target(sh)?.join("bundles/kubewarden/policy.wasm"),
        out.join(format!("imagecache-policy-v{VERSION}.wasm")),
    )?;
    let mut files = Vec::new();
    for bundle in ["gatekeeper", "kubernetes", "kyverno"] {
        let folder = setup::root()?.join("policy-bundles").join(bundle);
        files.extend(files_below(&folder, &format!("{bundle}/"))?);
    }
    files.retain(|(path, _, _)| !path.ends_with(".in") && !path.contains("/tests/"));
    let folder = setup::root()?.join("deploy");
    files.extend(files_below(&folder.join("kustomize"), "kustomize/")?);
    files.extend(files_below(&folder.join("argocd"), "argocd/")?);
    let metrics = folder.join("kube-state-metrics");
    files.extend(files_below(&metrics, "kube-state-metrics/")?);
    let file = out.join(format!("imagecache-v{VERSION}-manifests.tar.gz"));
    fs::write(file, gzip(&archive(&files, epoch)?)?)?;
    Ok(())
}

/// Writes `SHA256SUMS` of every file.
fn checksums(out: &Path) -> Result<()> {
    let mut sums = String::new();
    for (path, _, content) in files_below(out, "")? {
        sums.push_str(&format!("{}  {path}\n", image::digest(&content)));
    }
    fs::write(out.join("SHA256SUMS"), sums)?;
    Ok(())
}

/// Runs the tests of the files.
fn check(sh: &Shell, count: &mut Count, out: &Path) -> Result<()> {
    let python = setup::python(sh, "release", "tests/release/requirements.txt")?;
    let helm = setup::root()?.join("tests/deploy/node/node_modules/.bin/helm");
    count.run(
        Command::new(python)
            .args(["tests/engines/run.py", "tests/release"])
            .env("ARTIFACTS", out)
            .env("HELM", helm)
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )
}
