//! Files that come in.

use std::iter;
use std::sync::{Arc, mpsc};

use api::Config;
use api::imports::ImportsConfig;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::harness::{World, post};
use crate::patience::until;
use crate::rigged::RiggedImports;

const FORM: (&str, &str) = ("content-type", "multipart/form-data; boundary=B");

#[tokio::test]
async fn a_file_for_which_there_is_no_thread_is_refused_with_the_pool_that_is_full() {
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

/// An ingress that takes files of so many megabytes at the most.
async fn desk(megabytes: u64) -> (World, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let imports = Arc::new(RiggedImports::new(folder.path()).await);
    let limits = ImportsConfig {
        folder: folder.path().join("imports"),
        upload_bytes_max: megabytes << 20,
        ..ImportsConfig::default()
    };
    (World::with_imports(Config { imports: limits, ..Config::default() }, imports).await, folder)
}

fn files(folder: &TempDir) -> usize {
    folder.path().join("imports").read_dir().map_or(0, Iterator::count)
}

/// A form with these and other fields before the file, in pieces as they come over a network, or in one.
fn form(before: &str, file: &[u8], piece: usize) -> Request<Body> {
    let head = "--B\r\nContent-Disposition: form-data; name=\"format\"\r\n\r\ncsv\r\n\
                --B\r\nContent-Disposition: form-data; name=\"charset\"\r\n\r\nutf-8\r\n\
                --B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n";
    let form = [before.as_bytes(), head.as_bytes(), file, b"\r\n--B--\r\n"].concat();
    let pieces: Vec<_> = form.chunks(piece).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
    let form = Body::from_stream(futures::stream::iter(pieces));
    post("/api/imports", &[FORM], form)
}

#[tokio::test]
async fn a_form_may_be_as_large_as_a_file() {
    let (world, folder) = desk(6).await;
    let file = "x".repeat(5 << 20);
    for piece in [64 * 1024, usize::MAX] {
        let answer = world.ask(form("", file.as_bytes(), piece)).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        assert_eq!((&answer.body["bytes"], &answer.body["name"]), (&(5 << 20).into(), &"a.csv".into()));
    }
    let kept = files(&folder);
    let file = "x".repeat((6 << 20) + 1);
    let answer = world.ask(form("", file.as_bytes(), 64 * 1024)).await;
    answer.assert_problem(413, "body-too-large");
    assert!(answer.body["detail"].as_str().unwrap().contains("MAX_UPLOAD_MB"), "{answer:?}");
    // With what is around it, it is beyond the limit of the whole.
    let fields = "--B\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\na\r\n".repeat(30_000);
    let answer = world.ask(form(&fields, &file.as_bytes()[1..], 64 * 1024)).await;
    answer.assert_problem(413, "body-too-large");
    assert_eq!(files(&folder), kept, "nothing is left of them");
}

#[tokio::test]
async fn what_comes_before_the_file_of_a_form_is_not_held_without_end() {
    let (world, folder) = desk(100).await;
    for start in ["", "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\nX: "] {
        let pieces = iter::once(start.as_bytes().to_vec()).chain(iter::repeat_n(vec![b'x'; 1 << 14], 6_000));
        let body = Body::from_stream(futures::stream::iter(pieces.map(Ok::<_, std::io::Error>)));
        let answer = world.ask(post("/api/imports", &[FORM], body)).await;
        answer.assert_problem(413, "body-too-large");
        assert!(
            answer.body["detail"].as_str().unwrap().contains("neither a field nor the file"),
            "{answer:?}"
        );
    }
    assert_eq!(files(&folder), 0);
}

#[tokio::test]
async fn one_file_too_many_at_once_is_to_come_again() {
    let (world, folder) = desk(1).await;
    let coming: Vec<_> = (0..32)
        .map(|_| {
            let body = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
            let request = post("/api/imports", &[("content-type", "text/csv")], body);
            tokio::spawn(world.router.clone().oneshot(request))
        })
        .collect();
    until("they come in", || (files(&folder) == 32).then_some(())).await;
    let answer = world.ask(post("/api/imports", &[("content-type", "text/csv")], "kind\n")).await;
    answer.assert_problem(503, "overloaded");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    for one in coming {
        one.abort();
        let _ = one.await;
    }
    let answer = world.ask(post("/api/imports", &[("content-type", "text/csv")], "kind\n")).await;
    assert_eq!(answer.status, 202, "there is room again: {answer:?}");
}

#[tokio::test]
async fn an_import_whose_file_could_not_be_kept_does_not_wait_for_ever() {
    let (world, folder) = desk(1).await;
    // Where the lock of the first import is to be.
    std::fs::create_dir_all(folder.path().join("imports/1.lock")).unwrap();
    let answer = world.ask(post("/api/imports", &[("content-type", "text/csv")], "kind\n")).await;
    answer.assert_problem(507, "insufficient-storage");
    let import = world.get("/api/imports/1").await;
    assert_eq!(import.body["state"], "failed", "{import:?}");
}
