//! Bodies that come packed (RFC 9110, section 8.4).

use std::io::Write;

use axum::body::Body;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::harness::{DEPOSIT, World, post};

const JSON: (&str, &str) = ("content-type", "application/json");
const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");
const GZIP: (&str, &str) = ("content-encoding", "gzip");

fn packed(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(text.as_ref()).unwrap();
    packer.finish().unwrap()
}

#[tokio::test]
async fn a_packed_job_and_a_packed_batch_are_taken() {
    let world = World::new().await;
    for coding in ["gzip", "x-gzip", "GZIP", "identity, gzip"] {
        let answer = world.post(&[JSON, ("content-encoding", coding)], packed(DEPOSIT)).await;
        assert_eq!(answer.status.as_u16(), 202, "{coding}: {answer:?}");
    }
    let lines = format!("{DEPOSIT}\n").repeat(2_000);
    let answer = world.post_batch(&[NDJSON, GZIP], packed(&lines)).await;
    assert_eq!((answer.status.as_u16(), &answer.body["accepted"]), (202, &json!(2_000)));
    let members = [packed("["), packed(DEPOSIT), packed("]")].concat();
    let pieces: Vec<_> = members.chunks(7).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
    let streamed = Body::from_stream(futures::stream::iter(pieces));
    let answer = world.post_batch(&[JSON, GZIP], streamed).await;
    assert_eq!((answer.status.as_u16(), &answer.body["accepted"]), (202, &json!(1)), "{answer:?}");
    assert_eq!(
        world.post_batch(&[JSON, ("content-encoding", "identity")], format!("[{DEPOSIT}]")).await.status,
        202
    );
}

#[tokio::test]
async fn another_coding_is_refused_with_those_that_are_taken() {
    let world = World::new().await;
    for path in ["/api/jobs", "/api/jobs/batch", "/api/analyses"] {
        for coding in ["br", "gzip, gzip", "deflate", "zstd"] {
            let answer = world.ask(post(path, &[JSON, ("content-encoding", coding)], DEPOSIT)).await;
            answer.assert_problem(415, "unsupported-media-type");
            assert_eq!(answer.header("accept-encoding"), "gzip, identity");
            assert!(answer.body["detail"].as_str().unwrap().contains("gzip"), "{answer:?}");
        }
    }
    assert!(world.queue.jobs().is_empty());
}

#[tokio::test]
async fn what_is_not_whole_gzip_is_refused() {
    let world = World::new().await;
    let whole = packed(DEPOSIT);
    let cut = whole[..whole.len() - 3].to_vec();
    for body in [DEPOSIT.as_bytes().to_vec(), cut, Vec::new(), [&whole[..], b"{}"].concat()] {
        for path in ["/api/jobs", "/api/jobs/batch"] {
            let answer = world.ask(post(path, &[JSON, GZIP], body.clone())).await;
            answer.assert_problem(400, "damaged-body");
            assert!(answer.body["detail"].as_str().unwrap().contains("gzip"), "{answer:?}");
        }
    }
    assert!(world.queue.jobs().is_empty());
}

#[tokio::test]
async fn the_limit_is_one_of_unpacked_bytes() {
    let world = World::new().await;
    let bomb = packed(vec![b' '; 64 * 1024 * 1024]);
    assert!(bomb.len() < 100_000);
    world.post(&[JSON, GZIP], bomb.clone()).await.assert_problem(413, "body-too-large");
    world.post_batch(&[JSON, GZIP], bomb).await.assert_problem(413, "body-too-large");
    let empty_members = packed("").repeat(10_000);
    world.post(&[JSON, GZIP], empty_members).await.assert_problem(413, "body-too-large");
    let most = format!("{DEPOSIT}{}", " ".repeat(64 * 1024 - DEPOSIT.len()));
    assert_eq!(world.post(&[JSON, GZIP], packed(&most)).await.status, 202);
    world.post(&[JSON, GZIP], packed(format!("{most} "))).await.assert_problem(413, "body-too-large");
}
