//! The listener: real sockets, slow and rude clients, and a stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::Config;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fakes::{FakeQueue, Takes};
use crate::harness::{DEPOSIT, fakes, parts};
use crate::patience::until;

struct Served {
    address: SocketAddr,
    queue: Arc<FakeQueue>,
    shutdown: CancellationToken,
    server: JoinHandle<anyhow::Result<()>>,
}

fn serve() -> Served {
    let (queue, ledger, bus) = fakes();
    let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
    let listener = api::bind(&config).unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let serving = api::serve(listener, config, parts(queue.clone(), ledger, bus), shutdown.clone());
    Served { address, queue, shutdown, server: tokio::spawn(serving) }
}

fn request(headers: &str, body: &str) -> String {
    format!("POST /api/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
}

/// Reads until an answer's head is complete.
async fn read_head(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    while !read.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let mut chunk = [0; 4_096];
        let count = stream.read(&mut chunk).await.unwrap();
        assert!(count > 0, "the connection ended within an answer: {}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&chunk[..count]);
    }
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test]
async fn who_sends_ten_megabytes_still_reads_the_answer() {
    let served = serve();
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let started = Instant::now();
    let body = " ".repeat(10 * 1024 * 1024);
    // All of it, before the answer is looked at, as simple clients do.
    stream.write_all(request("", &body).as_bytes()).await.unwrap();
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 413") && head.contains("application/problem+json"), "{head}");
    assert!(started.elapsed() < Duration::from_secs(5));
    // Nobody looks at the body of these at all.
    for line in ["POST /api/nothing", "PUT /api/jobs"] {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(request("", &body).replace("POST /api/jobs", line).as_bytes()).await.unwrap();
        let head = read_head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 40"), "{head}");
    }
}

#[tokio::test]
async fn who_asks_before_sending_is_told_no_at_once() {
    let served = serve();
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let head =
        "POST /api/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 10485760\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_head(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_flight() {
    let served = serve();
    served.queue.takes.send_replace(Takes::Nothing);
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(request("", DEPOSIT).as_bytes()).await.unwrap();
    until("the job is offered", || (served.queue.takes.receiver_count() > 0).then_some(())).await;
    served.shutdown.cancel();
    until("nobody is accepted any more", || std::net::TcpStream::connect(served.address).err()).await;
    served.queue.takes.send_replace(Takes::All);
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 202"), "{head}");
    served.server.await.unwrap().unwrap();
    assert_eq!(served.queue.jobs()[0]["body"]["amount"], json!(5));
}

#[tokio::test]
async fn a_stop_does_not_wait_for_idle_connections() {
    let served = serve();
    let _never_used = TcpStream::connect(served.address).await.unwrap();
    let mut idle = TcpStream::connect(served.address).await.unwrap();
    idle.write_all(request("", DEPOSIT).as_bytes()).await.unwrap();
    read_head(&mut idle).await;
    served.shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(2), served.server).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn strangers_are_not_let_in_without_keys() {
    let config = Config { listen: ([0, 0, 0, 0], 0).into(), ..Config::default() };
    let refused = api::bind(&config).unwrap_err().to_string();
    assert!(refused.contains("API_KEYS"), "{refused}");
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let served = serve();
    let config = Config { listen: served.address, ..Config::default() };
    let error = format!("{:#}", api::bind(&config).unwrap_err());
    assert!(error.contains(&served.address.to_string()), "{error}");
}
