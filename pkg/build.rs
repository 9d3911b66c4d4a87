//! The CustomResourceDefinition and the JSON Schemas as text: made here by the core, they cost the module a few kB; as
//! code that builds them, forty.

use std::{env, fs, path::PathBuf};

use imagecache::resource::{CrdVersion, crd, json_schema, pod_annotations_schema};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("crd.json"), crd(CrdVersion::V1).to_string())?;
    fs::write(out.join("schema.json"), json_schema().to_string())?;
    fs::write(
        out.join("pod-annotations.json"),
        pod_annotations_schema().to_string(),
    )?;
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}
