//! `cargo xtask image`: the container image, without Docker: a static binary in one layer, as an OCI image layout.
//!
//! The same binary, licence and time give the same bytes. Times are those of `SOURCE_DATE_EPOCH`, or else of the last
//! commit.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use flate2::{Compression, GzBuilder};
use oci_spec::image::{
    Arch, ConfigBuilder, Descriptor, DescriptorBuilder, HistoryBuilder, ImageConfigurationBuilder,
    ImageIndexBuilder, ImageManifestBuilder, MediaType, OciLayoutBuilder, Os, PlatformBuilder,
    RootFsBuilder, Sha256Digest,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use xshell::{Shell, cmd};

use crate::project::{Project, VERSION};
use crate::test::Count;
use crate::{registry, setup};

/// The user and group of the process: the number that distroless images use for `nonroot`.
const USER: u32 = 65532;

/// Where the binary is in the image.
const BINARY: &str = "usr/local/bin/imagecache";

/// A platform that the image is built for.
pub(crate) struct Platform {
    /// The architecture, as in Go.
    pub(crate) arch: &'static str,
    /// The target of Rust: static, with musl.
    pub(crate) target: &'static str,
    /// The C compiler and linker, and the Debian package that has it.
    compiler: (&'static str, &'static str),
}

/// The platforms, that of most machines first.
pub(crate) const PLATFORMS: [Platform; 2] = [
    Platform {
        arch: "amd64",
        target: "x86_64-unknown-linux-musl",
        compiler: ("musl-gcc", "musl-tools"),
    },
    Platform {
        arch: "arm64",
        target: "aarch64-unknown-linux-musl",
        compiler: ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
    },
];

/// Builds the image of these platforms below `target/image`. Without names: amd64, and arm64 if its linker is there.
pub(crate) fn run(sh: &Shell, arches: &[String]) -> Result<PathBuf> {
    let layout = setup::target(sh)?.join("image");
    let mut binaries = Vec::new();
    for platform in &PLATFORMS {
        let wanted = arches.iter().any(|arch| arch == platform.arch);
        if !arches.is_empty() && !wanted {
            continue;
        }
        if arches.is_empty() && platform.arch != "amd64" && !platform.can_build(sh) {
            let (compiler, package) = platform.compiler;
            println!(
                "{}: skipped, `{compiler}` is missing (package {package})",
                platform.arch
            );
            continue;
        }
        binaries.push((platform.arch, platform.build(sh)?));
    }
    ensure!(!binaries.is_empty(), "--arch: expected amd64 or arm64");
    Image::new(sh)?.write(&layout, &binaries)?;
    println!("{}: latest, v{VERSION}", layout.display());
    Ok(layout)
}

impl Platform {
    fn can_build(&self, sh: &Shell) -> bool {
        let compiler = self.compiler.0;
        cmd!(sh, "{compiler} --version")
            .quiet()
            .ignore_stdout()
            .ignore_stderr()
            .run()
            .is_ok()
    }

    /// Builds the static binary, without paths of this machine; returns where it is.
    pub(crate) fn build(&self, sh: &Shell) -> Result<PathBuf> {
        let (compiler, package) = self.compiler;
        if !self.can_build(sh) {
            setup::debian(sh, &[package])?;
        }
        let target = self.target;
        setup::rust_target(sh, target)?;
        let name = target.to_uppercase().replace('-', "_");
        let flags = setup::remap_paths(sh)?;
        // The self-contained linking of the musl target needs a linker for the architecture only.
        let _flags = sh.push_env(format!("CARGO_TARGET_{name}_RUSTFLAGS"), flags);
        let linker = if self.arch == "amd64" { "cc" } else { compiler };
        let _linker = sh.push_env(format!("CARGO_TARGET_{name}_LINKER"), linker);
        let _cc = sh.push_env(format!("CC_{}", target.replace('-', "_")), compiler);
        let _strip = sh.push_env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
        cmd!(
            sh,
            "cargo build --quiet --release --package imagecache-cli --target {target}"
        )
        .run()?;
        self.binary(sh)
    }

    /// Returns where the built binary is.
    pub(crate) fn binary(&self, sh: &Shell) -> Result<PathBuf> {
        let target = setup::target(sh)?;
        Ok(target.join(self.target).join("release/imagecache"))
    }
}

/// The facts of an image besides its binaries.
struct Image {
    project: Project,
    /// Seconds since 1970 of every time in the image.
    epoch: u64,
    /// The same time, as RFC 3339.
    created: String,
    revision: String,
    licence: Vec<u8>,
}

impl Image {
    fn new(sh: &Shell) -> Result<Self> {
        let revision = cmd!(sh, "git rev-parse HEAD").quiet().read()?;
        let epoch = epoch(sh)?;
        let time = epoch.to_string();
        let created = cmd!(sh, "date --utc --date=@{time} +%Y-%m-%dT%H:%M:%SZ")
            .quiet()
            .read()?;
        Ok(Image {
            project: Project::read()?,
            epoch,
            created,
            revision,
            licence: fs::read(setup::root()?.join("LICENSE"))?,
        })
    }

    /// Writes the layout into an empty folder: one manifest a platform, an index of all under the tags `latest` and that
    /// of the version, and each platform under `latest-ARCH`.
    fn write(&self, folder: &Path, binaries: &[(&str, PathBuf)]) -> Result<()> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder.join("blobs/sha256"))?;
        let layout = OciLayoutBuilder::default()
            .image_layout_version("1.0.0")
            .build()?;
        fs::write(folder.join("oci-layout"), json(&layout)?)?;
        let mut manifests = Vec::new();
        let mut tags = Vec::new();
        for (arch, binary) in binaries {
            let binary = fs::read(binary).with_context(|| binary.display().to_string())?;
            let manifest = self.platform(folder, arch, &binary)?;
            tags.push(tagged(&manifest, &format!("latest-{arch}"))?);
            manifests.push(manifest);
        }
        let index = ImageIndexBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageIndex)
            .manifests(manifests)
            .annotations(self.annotations())
            .build()?;
        let index = put(folder, MediaType::ImageIndex, &json(&index)?)?;
        for tag in ["latest", &format!("v{VERSION}")] {
            tags.push(tagged(&index, tag)?);
        }
        let index = ImageIndexBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageIndex)
            .manifests(tags)
            .build()?;
        fs::write(folder.join("index.json"), json(&index)?)?;
        Ok(())
    }

    /// Writes the layer, configuration and manifest of one platform; returns the manifest's descriptor.
    fn platform(&self, folder: &Path, arch: &str, binary: &[u8]) -> Result<Descriptor> {
        let tar = self.layer(binary)?;
        let mut gzip = GzBuilder::new()
            .mtime(0)
            .write(Vec::new(), Compression::new(6));
        gzip.write_all(&tar)?;
        let layer = put(folder, MediaType::ImageLayerGzip, &gzip.finish()?)?;
        let config = ConfigBuilder::default()
            .user(format!("{USER}:{USER}"))
            .entrypoint([format!("/{BINARY}")])
            .working_dir("/")
            .labels(self.annotations())
            .build()?;
        let root = RootFsBuilder::default()
            .typ("layers")
            .diff_ids([format!("sha256:{}", digest(&tar))])
            .build()?;
        let history = HistoryBuilder::default()
            .created(self.created.as_str())
            .created_by("cargo xtask image")
            .build()?;
        let arch = Arch::from(arch);
        let configuration = ImageConfigurationBuilder::default()
            .created(self.created.as_str())
            .author(self.project.maintainer.as_str())
            .architecture(arch.clone())
            .os(Os::Linux)
            .config(config)
            .rootfs(root)
            .history([history])
            .build()?;
        let configuration = put(folder, MediaType::ImageConfig, &json(&configuration)?)?;
        let manifest = ImageManifestBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageManifest)
            .config(configuration)
            .layers([layer])
            .annotations(self.annotations())
            .build()?;
        let mut manifest = put(folder, MediaType::ImageManifest, &json(&manifest)?)?;
        let platform = PlatformBuilder::default()
            .architecture(arch)
            .os(Os::Linux)
            .build()?;
        manifest.set_platform(Some(platform));
        Ok(manifest)
    }

    /// Returns the layer: the binary, its licence, and the name of its user.
    fn layer(&self, binary: &[u8]) -> Result<Vec<u8>> {
        let passwd = format!("nonroot:x:{USER}:{USER}:nonroot:/:/sbin/nologin\n");
        let group = format!("nonroot:x:{USER}:\n");
        let folders = [
            "etc",
            "usr",
            "usr/local",
            "usr/local/bin",
            "usr/share",
            LICENCES,
        ];
        let files: [(&str, u32, &[u8]); 4] = [
            ("etc/group", 0o644, group.as_bytes()),
            ("etc/passwd", 0o644, passwd.as_bytes()),
            (BINARY, 0o755, binary),
            ("usr/share/licenses/LICENSE", 0o644, &self.licence),
        ];
        let mut tar = tar::Builder::new(Vec::new());
        let header = |mode: u32, kind: tar::EntryType, bytes: &[u8]| -> Result<tar::Header> {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(kind);
            header.set_mode(mode);
            header.set_mtime(self.epoch);
            header.set_uid(0);
            header.set_gid(0);
            header.set_size(u64::try_from(bytes.len())?);
            Ok(header)
        };
        for folder in folders {
            let mut header = header(0o755, tar::EntryType::Directory, &[])?;
            tar.append_data(&mut header, format!("{folder}/"), [].as_slice())?;
        }
        for (path, mode, bytes) in files {
            let mut header = header(mode, tar::EntryType::Regular, bytes)?;
            tar.append_data(&mut header, path, bytes)?;
        }
        Ok(tar.into_inner()?)
    }

    fn annotations(&self) -> HashMap<String, String> {
        let repository = &self.project.repository;
        [
            ("title", "imagecache"),
            (
                "description",
                "Controller and admission webhook for image caches of Alibaba Cloud ECI",
            ),
            ("created", &self.created),
            (
                "authors",
                &format!("{} <{}>", self.project.maintainer, self.project.email),
            ),
            ("url", repository),
            ("source", repository),
            ("documentation", &format!("{repository}/tree/main/docs")),
            ("version", VERSION),
            ("revision", &self.revision),
            ("licenses", "Apache-2.0"),
        ]
        .map(|(name, value)| (format!("org.opencontainers.image.{name}"), value.to_owned()))
        .into()
    }
}

/// Returns the seconds since 1970 of `SOURCE_DATE_EPOCH`, or else of the last commit.
pub(crate) fn epoch(sh: &Shell) -> Result<u64> {
    let epoch = match sh.var("SOURCE_DATE_EPOCH") {
        Ok(epoch) => epoch,
        Err(_) => cmd!(sh, "git log -1 --format=%ct").quiet().read()?,
    };
    epoch.trim().parse().context("SOURCE_DATE_EPOCH")
}

/// Where licences are in the image.
const LICENCES: &str = "usr/share/licenses";

/// Returns a value as JSON with sorted keys: annotations have no order of their own.
fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut value = serde_json::to_value(value)?;
    value.sort_all_objects();
    Ok(serde_json::to_vec(&value)?)
}

/// Returns the SHA-256 of bytes, in hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a blob under its digest; returns its descriptor.
fn put(folder: &Path, kind: MediaType, bytes: &[u8]) -> Result<Descriptor> {
    let digest = digest(bytes);
    fs::write(folder.join("blobs/sha256").join(&digest), bytes)?;
    let digest: Sha256Digest = digest.parse()?;
    let descriptor = DescriptorBuilder::default()
        .media_type(kind)
        .size(u64::try_from(bytes.len())?)
        .digest(digest);
    Ok(descriptor.build()?)
}

/// Returns a descriptor with a tag.
fn tagged(descriptor: &Descriptor, tag: &str) -> Result<Descriptor> {
    let mut descriptor = descriptor.clone();
    let name = "org.opencontainers.image.ref.name".to_owned();
    descriptor.set_annotations(Some(HashMap::from([(name, tag.to_owned())])));
    Ok(descriptor)
}

/// Makes the image twice of one binary, and lets the tools of others check it. The binary is the debug build, linked
/// statically: a release build with musl would take minutes more.
pub(crate) fn test(sh: &Shell, count: &mut Count) -> Result<()> {
    cmd!(
        sh,
        "cargo rustc --quiet --package imagecache-cli --bin imagecache -- -Ctarget-feature=+crt-static -Cstrip=symbols"
    )
    .run()?;
    let binary = setup::target(sh)?.join("debug/imagecache");
    let folder = setup::target(sh)?.join("image-test");
    let image = Image::new(sh)?;
    for layout in ["image", "again"] {
        image.write(&folder.join(layout), &[("amd64", binary.clone())])?;
    }
    check(sh, count, &folder.join("image"), &folder.join("again"))?;
    registry::check(sh, count, &binary)
}

/// Checks a layout, and that another one has the same bytes.
pub(crate) fn check(sh: &Shell, count: &mut Count, image: &Path, again: &Path) -> Result<()> {
    setup::debian(sh, &["skopeo", "umoci", "docker-registry"])?;
    let python = setup::python(sh, "engines", "tests/engines/requirements.txt")?;
    count.run(
        Command::new(python)
            .args(["tests/engines/run.py", "tests/image"])
            .env("IMAGE", image)
            .env("IMAGE_AGAIN", again)
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )
}
