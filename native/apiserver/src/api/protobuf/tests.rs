
use super::*;

#[test]
fn upstream() {
    let Ok(folder) = std::env::var("TESTDATA") else { return };
    let (mut ok, mut bad) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "pb") { continue }
        let pb = std::fs::read(&path).unwrap();
        let json: Value = serde_json::from_slice(&std::fs::read(path.with_extension("json")).unwrap()).unwrap();
        let read = match read(&pb, ("", "")) {
            Ok(read) => read,
            Err(words) => { println!("{}: {words}", path.display()); continue }
        };
        let written = write(&json).unwrap();
        let written2 = write(&read).unwrap();
        if read == json && written == pb && written2 == pb { ok += 1 } else {
            bad += 1;
            println!("{} read {} written {} {}", path.display(), read == json, written == pb, written2 == pb);
            std::fs::write("/tmp/a.json", serde_json::to_string_pretty(&json).unwrap()).unwrap();
            std::fs::write("/tmp/b.json", serde_json::to_string_pretty(&read).unwrap()).unwrap();
            std::fs::write("/tmp/a.pb", &pb).unwrap();
            std::fs::write("/tmp/b.pb", &written).unwrap();
        }
    }
    println!("{ok} {bad}");
    assert_eq!(bad, 0);
}
