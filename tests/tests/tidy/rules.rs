//! The rules: each returns what breaks it, in the order of the files.

use crate::tree::{SourceFile, Tree};

/// Most lines of a Rust file. What needs more has more than one purpose.
pub const FILE_LINES_MAX: usize = 400;

/// Files that may be longer, each with its reason.
const LONGER: &[(&str, &str)] = &[];

/// Files that are named for what they happen to be used for grow without end.
const EMPTY_NAMES: &[&str] =
    &["util", "utils", "helper", "helpers", "common", "types", "manager", "managers", "misc"];

/// What only a statement for a database contains.
const SQL: &[&str] = &[
    "SELECT ",
    "INSERT INTO ",
    "INSERT IGNORE ",
    "REPLACE INTO ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "ALTER TABLE ",
    "DROP TABLE ",
    "CREATE DATABASE ",
    "START TRANSACTION",
    "FOR UPDATE",
    "ON DUPLICATE KEY",
];

/// SQL is behind the ledger port, and in the embedded queue, which is a table. Tests may look behind the ports.
pub fn sql(tree: &Tree) -> Vec<String> {
    let allowed = ["shared/store/", "shared/queue/src/embedded", "tests/"];
    let statement = |line: &str| SQL.iter().any(|word| line.contains(word)) || is_update(line);
    tree.rust(&[""])
        .filter(|file| !file.is_under(&allowed))
        .flat_map(|file| find(file, file.code(), &statement, "SQL belongs under shared/store"))
        .collect()
}

fn is_update(line: &str) -> bool {
    line.split_once("UPDATE ").is_some_and(|(_, rest)| rest.contains(" SET "))
}

/// The broker's client is behind the queue port and the fleet bus. Tests may play a stranger on the broker.
pub fn lapin(tree: &Tree) -> Vec<String> {
    let allowed = ["shared/amqp/", "shared/queue/", "shared/fleet/", "tests/"];
    let used = |line: &str| line.contains("lapin::");
    let declared = |line: &str| line.starts_with("lapin") || line.starts_with("deadpool-lapin");
    let what = "lapin belongs under shared/amqp, shared/queue and shared/fleet";
    let outside = |file: &&SourceFile| !file.is_under(&allowed);
    let sources = tree.rust(&[""]).filter(outside).flat_map(|file| find(file, file.code(), &used, what));
    let manifests =
        tree.manifests().filter(outside).flat_map(|file| find(file, file.code(), &declared, what));
    sources.chain(manifests).collect()
}

/// The domain neither waits, stores, sends nor logs, and is told the time.
pub fn pure_domain(tree: &Tree) -> Vec<String> {
    const IMPURE: &[&str] = &[
        "tokio",
        "sqlx",
        "lapin",
        "tracing",
        "metrics",
        "axum",
        "Instant",
        "SystemTime",
        "Timestamp::now",
        "Zoned::now",
        "std::fs",
        "std::io",
        "std::net",
        "std::env",
        "std::process",
        "async fn",
    ];
    let mut found = Vec::new();
    for file in tree.rust(&["shared/domain/", "shared/patterns/"]) {
        for (number, line) in file.code_before_tests() {
            for word in IMPURE.iter().filter(|word| has_word(line, word)) {
                found.push(file.at(number, &format!("`{word}`: the domain is pure")));
            }
        }
    }
    found
}

/// The crates in layers: each may name what is in layers before its own, and nothing else of ours.
const LAYERS: &[&[&str]] = &[
    &["domain"],
    &["patterns", "contract"],
    &["runtime", "formats"],
    &["client", "amqp", "webhooks"],
    &["queue", "store"],
    &["tellers-http", "fleet"],
    &["load-test"],
    &["api", "worker", "monitor"],
    &["tellers"],
    &["tests"],
];

/// Cargo refuses circles and sees every use; that the arrows point the right way is said here.
pub fn dependencies(tree: &Tree) -> Vec<String> {
    let layer = |name: &str| LAYERS.iter().position(|layer| layer.contains(&name));
    let mut found = Vec::new();
    for file in tree.manifests() {
        let name = file.text.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        let Some((from, own)) = name.and_then(|name| Some((name, layer(name)?))) else {
            found.push(file.at(1, "a crate that is in no layer of tests/tests/tidy/rules.rs"));
            continue;
        };
        for (number, line) in file.code() {
            let named = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if layer(named).is_some_and(|other| other >= own) {
                found.push(
                    file.at(number, &format!("{from} depends on {named}; dependencies run the other way")),
                );
            }
        }
    }
    found
}

/// A file's name says what is in it.
pub fn file_names(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for file in tree.rust(&[""]) {
        let path = file.path.strip_suffix(".rs").unwrap_or(&file.path);
        if path.ends_with("/mod") {
            found.push(file.at(1, "name it after its folder, beside the folder"));
        } else if let Some(name) = path.split(['/', '_']).find(|name| EMPTY_NAMES.contains(name)) {
            found.push(file.at(1, &format!("`{name}` does not say what is in it")));
        }
    }
    found
}

/// Words that the table of terms in ARCHITECTURE.md has no place for, and what stands for them. In two pieces each,
/// because this file is looked at too.
const BANNED_WORDS: &[([&str; 2], &str)] = &[
    (["can", " not"], "cannot"),
    (["cr", "ew"], "lane tasks"),
    (["ros", "ter"], "membership"),
    (["bu", "ry"], "keep a dead letter"),
    (["bu", "ried"], "kept as a dead letter"),
    (["conser", "vation"], "reconciliation"),
    (["heard", "_at"], "received_at"),
    (["told", "_at"], "reported_at"),
];

/// The same in some folders: elsewhere the word means something else.
const BANNED_WORDS_OF: &[(&[&str], [&str; 2], &str)] =
    &[(&["shared/", "worker/", "api/"], ["ver", "dict"], "outcome, of a job")];

/// Files that may name a banned word, each with its reason.
const BANNED_WORDS_STAND_IN: &[(&str, &str)] = &[
    ("CHANGELOG.md", "tells what was"),
    ("migrations/", "a migration never changes"),
    ("shared/contract/src/result.rs", "the bus has the name of earlier releases"),
    ("monitor/src/load_tests/run.rs", "reads what release 0.1 kept"),
];

/// A word has one meaning, and a thing has one name.
pub fn words(tree: &Tree) -> Vec<String> {
    let everywhere: &[&str] = &[""];
    let banned = BANNED_WORDS.iter().map(|(pieces, instead)| (everywhere, pieces.concat(), *instead));
    let of_folders =
        BANNED_WORDS_OF.iter().map(|(folders, pieces, instead)| (*folders, pieces.concat(), *instead));
    let banned: Vec<_> = banned.chain(of_folders).collect();
    let mut found = Vec::new();
    let stands = |file: &&SourceFile| BANNED_WORDS_STAND_IN.iter().any(|(path, _)| file.is_under(&[path]));
    for file in tree.files.iter().filter(|file| !stands(file)) {
        for (index, line) in file.text.lines().enumerate() {
            let line = line.to_lowercase();
            let named = |(folders, word, _): &&(&[&str], String, &str)| {
                file.is_under(folders) && has_word(&line, word)
            };
            for (_, word, instead) in banned.iter().filter(named) {
                found.push(file.at(index + 1, &format!("`{word}`: write {instead}")));
            }
        }
    }
    found
}

/// Words of a conversation, which a fleet does not have: what they stand for has a name. In two pieces each, because
/// this file is looked at too.
const SPOKEN_WORDS: &[([&str; 2], &str)] = &[
    (["to", "ld"], "who shows, reports, sends or logs what"),
    (["he", "ard"], "what was received or reported"),
    (["of n", "ow"], "current, or the time"),
];

/// Files that may name a spoken word, each with its reason.
const SPOKEN_WORDS_STAND_IN: &[(&str, &str)] = &[
    ("CHANGELOG.md", "tells what was"),
    ("migrations/", "a migration never changes"),
    ("tests/", "names and comments of tests are free"),
    ("shared/store/src/mysql/durability.rs", "a name in code: what the server answered"),
    ("shared/store/src/mysql/schema.rs", "a comment, not yet rewritten"),
    ("tellers/src/bench/", "a name in code and a comment, not yet rewritten"),
];

/// What users read (page, problems, help, logs, OpenAPI, docs) and what explains the code is in plain English. Names in
/// unit tests are free.
pub fn spoken_words(tree: &Tree) -> Vec<String> {
    let stands = |file: &&SourceFile| {
        let is_test = file.path.contains("/tests/") || file.path.ends_with("/tests.rs");
        is_test || SPOKEN_WORDS_STAND_IN.iter().any(|(path, _)| file.is_under(&[path]))
    };
    let words: Vec<_> = SPOKEN_WORDS.iter().map(|(pieces, instead)| (pieces.concat(), *instead)).collect();
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|file| !stands(file)) {
        let lines = file.text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
        for (index, line) in lines.enumerate() {
            let line = line.to_lowercase();
            for (word, instead) in words.iter().filter(|(word, _)| has_word(&line, word)) {
                found.push(file.at(index + 1, &format!("`{word}`: write {instead}")));
            }
        }
    }
    found
}

/// A file that can be read in one sitting.
pub fn file_sizes(tree: &Tree) -> Vec<String> {
    tree.rust(&[""])
        .map(|file| (file, file.text.lines().count()))
        .filter(|(file, lines)| *lines > FILE_LINES_MAX && LONGER.iter().all(|(path, _)| *path != file.path))
        .map(|(file, lines)| {
            file.at(lines, &format!("{lines} lines; {FILE_LINES_MAX} are the most, so split it"))
        })
        .collect()
}

/// A test that naps is slow on a fast machine and fails on a slow one.
pub fn naps(tree: &Tree) -> Vec<String> {
    let nap = ["sle", "ep("].concat();
    let naps = |line: &str| line.contains(&nap);
    let what = "wait for a condition with tests::wait::until, not for a length of time";
    let mut found = Vec::new();
    for file in tree.rust(&[""]) {
        if file.member() == "tests" || file.path.contains("/tests/") {
            found.extend(find(file, file.code(), &naps, what));
        } else {
            found.extend(find(file, file.code_of_tests(), &naps, what));
        }
    }
    found
}

/// Dashboards and alerts are written against the names of metrics, so they can be read in one place.
pub fn metric_names(tree: &Tree) -> Vec<String> {
    const MACROS: &[&str] = &["counter!(", "gauge!(", "histogram!("];
    let mut found = Vec::new();
    for file in
        tree.rust(&[""]).filter(|file| !file.is_under(&["shared/runtime/src/telemetry/names.rs", "tests/"]))
    {
        let mut lines = file.code().peekable();
        while let Some((number, line)) = lines.next() {
            for (at, call) in MACROS.iter().flat_map(|call| line.match_indices(call)) {
                let rest = line[at + call.len()..].trim_start();
                let next = lines.peek().map_or("", |(_, next)| next.trim_start());
                if rest.starts_with('"') || (rest.is_empty() && next.starts_with('"')) {
                    found.push(file.at(number, "name the metric in shared/runtime/src/telemetry/names.rs"));
                }
            }
        }
    }
    found
}

/// Dashboards, alerts and scalers stand on names that there are, and histograms on their series.
pub fn deployed_metrics(tree: &Tree) -> Vec<String> {
    const NAMES: &str = "shared/runtime/src/telemetry/names.rs";
    /// Users of the database and of the broker.
    const USERS: &[&str] = &[
        "tellers_api",
        "tellers_management",
        "tellers_migrate",
        "tellers_monitor",
        "tellers_read",
        "tellers_worker",
    ];
    let known = tree.files.iter().find(|file| file.path == NAMES).map(metrics_in).unwrap_or_default();
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|file| file.is_under(&["deploy/"])) {
        for (index, line) in file.text.lines().enumerate() {
            for (at, _) in line.match_indices("tellers_").filter(|(at, _)| !line[..*at].ends_with(is_name)) {
                let end = line[at..].find(|c: char| !is_name(c)).map_or(line.len(), |length| at + length);
                let name = &line[at..end];
                let series = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
                let right = known.get(name).is_some_and(|histogram| !histogram)
                    || series.is_some_and(|base| known.get(base).is_some_and(|histogram| *histogram));
                if !right && !USERS.contains(&name) {
                    found.push(file.at(index + 1, &format!("{name} is no metric of {NAMES}")));
                }
            }
        }
    }
    found
}

/// A lane has one worker: Kubernetes starts as many workers as there are lanes, at the most.
pub fn deployed_workers(tree: &Tree) -> Vec<String> {
    let number = |path: &str, name: &str| {
        let file = tree.files.iter().find(|file| file.path == path)?;
        let value = file.text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'))?;
        value.trim().trim_matches('"').parse::<u16>().ok()
    };
    const KEDA: &str = "deploy/kubernetes/keda.yaml";
    let (lanes, most) = (number("deploy/kubernetes/config.yaml", "LANES"), number(KEDA, "maxReplicaCount"));
    let equal = lanes.is_some() && lanes == most;
    if equal { Vec::new() } else { vec![format!("{KEDA}: maxReplicaCount {most:?} for LANES {lanes:?}")] }
}

/// Every metric of the file, and whether it is a histogram: the word before its name says so.
fn metrics_in(file: &SourceFile) -> std::collections::BTreeMap<&str, bool> {
    let mut metrics = std::collections::BTreeMap::new();
    for line in file.text.lines() {
        if let Some(name) = line.split('"').nth(1).filter(|name| name.starts_with("tellers_")) {
            metrics.insert(name, line.trim_start().starts_with("histogram "));
        }
    }
    metrics
}

/// What works on one machine only.
pub fn machine_paths(tree: &Tree) -> Vec<String> {
    // In two pieces each, because this file is looked at too.
    let places =
        [["/ho", "me/"], ["/ro", "ot/"], ["/wo", "rk/"], ["/Us", "ers/"]].map(|pieces| pieces.concat());
    let starts_a_path = |line: &str, at: usize| {
        !line[..at].ends_with(|before: char| before.is_alphanumeric() || "._-/~}".contains(before))
    };
    let named = |line: &str| {
        places.iter().any(|place| line.match_indices(place.as_str()).any(|(at, _)| starts_a_path(line, at)))
    };
    tree.files
        .iter()
        .flat_map(|file| {
            let lines = file.text.lines().enumerate().map(|(index, line)| (index + 1, line));
            find(file, lines, &named, "a place on one machine; say it relative to the project")
        })
        .collect()
}

fn find<'a>(
    file: &SourceFile,
    lines: impl Iterator<Item = (usize, &'a str)>,
    broken: &dyn Fn(&str) -> bool,
    what: &str,
) -> Vec<String> {
    lines.filter(|(_, line)| broken(line)).map(|(number, _)| file.at(number, what)).collect()
}

/// Whether `word` is in the line, and not as a part of a longer name.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(is_name) && starts_with_word(&line[at..], word))
}

fn starts_with_word(text: &str, word: &str) -> bool {
    text.strip_prefix(word).is_some_and(|rest| !rest.starts_with(is_name))
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
