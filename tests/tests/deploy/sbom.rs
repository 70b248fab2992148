//! The bill of materials.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use super::root;

fn printed() -> String {
    let printed = Command::new(root().join("sbom")).output().unwrap();
    let complaint = String::from_utf8_lossy(&printed.stderr).into_owned();
    assert!(printed.status.success(), "./sbom needs python3 (3.11): {complaint}");
    String::from_utf8(printed.stdout).unwrap()
}

/// What the schema of CycloneDX 1.6 asks for, and that every crate has its licence and its checksum.
#[test]
fn the_bill_of_materials_is_complete_and_the_same_each_time() {
    let text = printed();
    assert_eq!(text, printed(), "the same Cargo.lock gives another document");
    let bill: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.6".into()));
    let serial = bill["serialNumber"].as_str().unwrap().strip_prefix("urn:uuid:").unwrap();
    let parts: Vec<_> = serial.split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12], "{serial}");
    let binary = &bill["metadata"]["component"];
    assert_eq!((&binary["type"], &binary["name"]), (&"application".into(), &"tellers".into()));

    let components = bill["components"].as_array().unwrap();
    let mut references = BTreeSet::from([binary["bom-ref"].as_str().unwrap()]);
    for component in components {
        let field = |name: &str| component[name].as_str().unwrap_or_default();
        assert_eq!(field("type"), "library", "{component}");
        assert!(["required", "excluded"].contains(&field("scope")), "{component}");
        let purl = format!("pkg:cargo/{}@{}", field("name"), field("version").replace('+', "%2B"));
        assert_eq!(field("purl"), purl, "{component}");
        assert!(references.insert(field("bom-ref")), "twice: {component}");
        assert!(component["licenses"][0]["expression"].is_string(), "{component}");
        let hash = &component["hashes"][0];
        let is_ours = field("version") == "0.1.0" && component["repository"].is_null() && hash.is_null();
        let is_known =
            hash["alg"] == "SHA-256" && hash["content"].as_str().is_some_and(|hash| hash.len() == 64);
        assert!(is_known || is_ours, "{component}");
    }
    for dependency in bill["dependencies"].as_array().unwrap() {
        let leads_to = dependency["dependsOn"].as_array().unwrap().iter().chain([&dependency["ref"]]);
        for reference in leads_to {
            assert!(references.contains(reference.as_str().unwrap()), "{reference} is not listed");
        }
    }
    let scope = |name: &str| {
        let found = components.iter().find(|component| component["name"] == name);
        found.map(|component| component["scope"].as_str().unwrap_or_default())
    };
    assert_eq!([scope("lapin"), scope("sqlx-mysql"), scope("rustls")], [Some("required"); 3]);
    assert_eq!([scope("syn"), scope("cc")], [Some("excluded"); 2], "they run in the build");
    assert_eq!([scope("tests"), scope("yaml-rust2")], [None; 2], "they are for tests");
}
