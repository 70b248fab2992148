//! Files that come in.

use std::sync::mpsc;

use api::Config;
use api::imports::ImportsConfig;
use axum::http::StatusCode;

use crate::harness::{World, post};

#[tokio::test]
async fn a_file_for_which_there_is_no_thread_is_told_which_pool_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let imports = ImportsConfig { folder: folder.path().to_owned(), ..ImportsConfig::default() };
    let world = World::with(Config { imports, ..Config::default() }).await;
    let (release, gate) = mpsc::channel::<()>();
    let (began, begins) = tokio::sync::oneshot::channel();
    let io = world.io.clone();
    let busy = tokio::spawn(async move {
        io.run(move || {
            began.send(()).unwrap();
            gate.recv().unwrap();
        })
        .await
    });
    begins.await.unwrap();

    let csv = "kind,account,amount,currency\ndeposit,alice,5,EUR\n";
    let refused = world.ask(post("/api/imports", &[("content-type", "text/csv")], csv)).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{refused:?}");
    assert_eq!(refused.body["type"], "/problems/pool-exhausted");
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("`io`") && detail.contains("IO_THREAD_POOL_SIZE"), "{detail}");
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "nothing is left of it");

    release.send(()).unwrap();
    busy.await.unwrap().unwrap();
    assert_eq!(world.io.report().timeouts, 1);
}
