//! Holds the rules of the house, so that nobody has to remember them.
//!
//! Each rule is a function from a tree of files to what breaks it; each is tried on the project, and on a
//! made-up tree that breaks it, because a rule that cannot fail holds nothing.

mod rules;
mod tree;

use std::path::Path;

use anyhow::Context as _;
use tree::Tree;

/// Holds one rule: `broken` lists files of a made-up tree and what has to be found in it.
fn hold(rule: impl Fn(&Tree) -> Vec<String>, files: &[(&str, &str)], broken: &[&str]) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
        std::fs::write(path, text)?;
    }
    let found = rule(&Tree::read(folder.path())?);
    assert_eq!(found.len(), broken.len(), "on the made-up tree: {found:#?}");
    for (finding, start) in found.iter().zip(broken) {
        assert!(finding.starts_with(start), "on the made-up tree: {finding:?} does not start with {start:?}");
    }

    let project = Tree::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))?;
    assert!(project.files.len() > 10, "the project was not found");
    let found = rule(&project);
    assert!(found.is_empty(), "{} broken rules:\n{}", found.len(), found.join("\n"));
    Ok(())
}

#[test]
fn sql_is_only_in_the_ledger() -> anyhow::Result<()> {
    hold(
        rules::sql,
        &[
            ("shared/store/src/ledger/post.rs", "let q = \"SELECT 1\";"),
            ("shared/queue/src/embedded/store.rs", "let q = \"DELETE FROM t\";"),
            ("shared/queue/src/rabbitmq.rs", "// SELECT in prose\nlet q = \"UPDATE t SET a = 1\";"),
            ("tests/tests/books.rs", "let q = \"SELECT 1\";"),
            ("worker/src/lib.rs", "let a = \"\nINSERT INTO t\n\";"),
        ],
        &["shared/queue/src/rabbitmq.rs:2: SQL", "worker/src/lib.rs:2: SQL"],
    )
}

#[test]
fn lapin_is_only_in_the_queue_and_the_fleet() -> anyhow::Result<()> {
    hold(
        rules::lapin,
        &[
            ("shared/fleet/src/rabbitmq.rs", "use lapin::Channel;"),
            ("shared/queue/src/lib.rs", "use deadpool_lapin::Pool;"),
            ("api/src/lib.rs", "//! Not lapin::Channel.\nuse lapin::Channel;"),
            ("worker/Cargo.toml", "[dependencies]\nlapin.workspace = true\n"),
        ],
        &["api/src/lib.rs:2: lapin", "worker/Cargo.toml:2: lapin"],
    )
}

#[test]
fn the_domain_is_pure() -> anyhow::Result<()> {
    hold(
        rules::pure_domain,
        &[
            ("shared/domain/src/lib.rs", "use std::time::Duration;\nuse std::time::{Duration, Instant};"),
            ("shared/domain/src/fold.rs", "use tokio::sync::Mutex;\nfn now() { Timestamp::now() }"),
            ("shared/domain/src/money.rs", "fn a() {}\n#[cfg(test)]\nmod tests { use tokio::test; }"),
            ("shared/store/src/ledger.rs", "use tokio::sync::Mutex;"),
        ],
        &[
            "shared/domain/src/fold.rs:1: `tokio`",
            "shared/domain/src/fold.rs:2: `Timestamp::now`",
            "shared/domain/src/lib.rs:2: `Instant`",
        ],
    )
}

#[test]
fn dependencies_run_one_way() -> anyhow::Result<()> {
    hold(
        rules::dependencies,
        &[
            (
                "api/Cargo.toml",
                "[package]\nname = \"api\"\n[dependencies]\nstore.workspace = true\nworker.workspace = true\n",
            ),
            (
                "shared/domain/Cargo.toml",
                "[package]\nname = \"domain\"\n[dev-dependencies]\ncontract.workspace = true\n",
            ),
            (
                "shared/queue/Cargo.toml",
                "[package]\nname = \"queue\"\n[dependencies]\nstore = { path = \"../store\" }\n",
            ),
            ("shared/spare/Cargo.toml", "[package]\nname = \"spare\"\n"),
        ],
        &[
            "api/Cargo.toml:5: api depends on worker",
            "shared/domain/Cargo.toml:4: domain depends on contract",
            "shared/queue/Cargo.toml:4: queue depends on store",
            "shared/spare/Cargo.toml:1: a crate that is in no layer",
        ],
    )
}

#[test]
fn files_are_named_for_what_they_hold() -> anyhow::Result<()> {
    hold(
        rules::file_names,
        &[
            ("api/src/routes/mod.rs", ""),
            ("api/src/utils.rs", ""),
            ("worker/src/common/clock.rs", ""),
            ("worker/src/lane_manager.rs", ""),
            ("worker/src/moderate.rs", ""),
        ],
        &[
            "api/src/routes/mod.rs:1:",
            "api/src/utils.rs:1:",
            "worker/src/common/clock.rs:1:",
            "worker/src/lane_manager.rs:1:",
        ],
    )
}

#[test]
fn things_are_called_by_the_terms_of_the_trade() -> anyhow::Result<()> {
    let word = |head: &str, tail: &str| format!("{head}{tail}");
    hold(
        rules::words,
        &[
            ("CHANGELOG.md", &word("conser", "vation")),
            ("docs/a.md", &format!("It\n{} be read.", word("Can", " not"))),
            ("worker/src/a.rs", &format!("use {};\n// screwdriver, bury_at", word("cr", "ew"))),
        ],
        &["docs/a.md:2:", "worker/src/a.rs:1:"],
    )
}

#[test]
fn texts_are_in_plain_english() -> anyhow::Result<()> {
    let [told, heard, now] = [["to", "ld"], ["he", "ard"], ["of n", "ow"]].map(|pieces| pieces.concat());
    hold(
        rules::spoken_words,
        &[
            ("CHANGELOG.md", &format!("Clients are {told}.")),
            (
                "api/src/a.rs",
                &format!("fn {told}_it() {{}}\n/// It is {told}.\n#[cfg(test)]\nlet {told} = 1;"),
            ),
            ("api/src/a/tests.rs", &format!("let {told} = 1;")),
            ("docs/a.md", &format!("Replicas that are not {heard}.")),
            ("monitor/src/page/a.js", &format!("say(\"Figures {now}\");")),
            ("tests/tests/a.rs", &format!("let {told} = 1;")),
        ],
        &["api/src/a.rs:2:", "docs/a.md:1:", "monitor/src/page/a.js:1:"],
    )
}

#[test]
fn files_stay_small() -> anyhow::Result<()> {
    let long = "x\n".repeat(rules::FILE_LINES_MAX + 1);
    let fits = "x\n".repeat(rules::FILE_LINES_MAX);
    hold(
        rules::file_sizes,
        &[("api/src/fits.rs", &fits), ("api/src/long.rs", &long), ("Cargo.lock", &long)],
        &["api/src/long.rs:401: 401 lines"],
    )
}

#[test]
fn tests_wait_for_conditions() -> anyhow::Result<()> {
    let nap = format!("{}(a).await;", ["sle", "ep"].concat());
    hold(
        rules::naps,
        &[
            ("tests/src/a.rs", &format!("tokio::time::{nap}")),
            ("tests/tests/b.rs", &format!("// {nap}\nthread::{nap}")),
            ("shared/queue/src/c.rs", &format!("{nap}\n#[cfg(test)]\nmod tests {{\n{nap}\n}}")),
        ],
        &["shared/queue/src/c.rs:4:", "tests/src/a.rs:1:", "tests/tests/b.rs:2:"],
    )
}

#[test]
fn metric_names_are_in_one_file() -> anyhow::Result<()> {
    hold(
        rules::metric_names,
        &[
            ("api/src/a.rs", "metrics::counter!(names::JOBS);\nmetrics::counter!(\n    \"jobs\",\n    1);"),
            ("worker/src/b.rs", "gauge!(\"depth\");\ndescribe_histogram!(\"a\", \"b\");"),
            ("shared/runtime/src/telemetry/names.rs", "describe_counter!(\"jobs\", \"what\");"),
        ],
        &["api/src/a.rs:2:", "worker/src/b.rs:1:", "worker/src/b.rs:2:"],
    )
}

#[test]
fn what_is_deployed_stands_on_metrics_that_there_are() -> anyhow::Result<()> {
    let names =
        "    /// A.\n    histogram A = \"tellers_a_seconds\";\n    /// B.\n    gauge B = \"tellers_b\";\n";
    hold(
        rules::deployed_metrics,
        &[
            ("shared/runtime/src/telemetry/names.rs", names),
            ("deploy/a.yml", "expr: rate(tellers_a_seconds_bucket[1m]) + tellers_b"),
            ("deploy/b.json", "tellers_a_seconds\ntellers_b_sum\nx_tellers_b tellers_c"),
        ],
        &[
            "deploy/b.json:1: tellers_a_seconds is no metric",
            "deploy/b.json:2: tellers_b_sum",
            "deploy/b.json:3: tellers_c",
        ],
    )
}

#[test]
fn as_many_workers_as_lanes_are_deployed_at_the_most() -> anyhow::Result<()> {
    let config = "# LANES is fixed\ndata:\n  LANES: \"8\"\n";
    let keda = |most: &str| format!("spec:\n  # LANES\n  maxReplicaCount: {most}\n");
    let paths = ["deploy/kubernetes/config.yaml", "deploy/kubernetes/keda.yaml"];
    hold(
        rules::deployed_workers,
        &[(paths[0], config), (paths[1], &keda("16"))],
        &["deploy/kubernetes/keda.yaml: maxReplicaCount Some(16) for LANES Some(8)"],
    )
}

#[test]
fn no_file_names_a_place_on_one_machine() -> anyhow::Result<()> {
    let place = |head: &str| format!("path: /{head}/alice/x");
    hold(
        rules::machine_paths,
        &[
            ("docs/a.md", &place("home")),
            ("b.yml", &format!("fine: https://a.example/home/\n{}", place("root"))),
            ("c.rs", &format!("// {}", place("work"))),
            ("d.sh", "cd ./work/here"),
        ],
        &["b.yml:2:", "c.rs:1:", "docs/a.md:1:"],
    )
}
