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
    serve_on(Duration::ZERO)
}

/// An ingress that serves on for this long once it is to stop.
fn serve_on(stop_pause: Duration) -> Served {
    let (queue, ledger, bus) = fakes();
    let config = Config { listen: ([127, 0, 0, 1], 0).into(), stop_pause, ..Config::default() };
    let listener = api::bind(&config).unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let serving = api::serve(listener, config, parts(queue.clone(), ledger, bus), shutdown.clone());
    Served { address, queue, shutdown, server: tokio::spawn(serving) }
}

fn request(headers: &str, body: &str) -> String {
    format!(
        "POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
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
async fn who_asks_before_sending_is_refused_at_once() {
    let served = serve();
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let head = "POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10485760\r\nExpect: 100-continue\r\n\r\n";
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
    until("the listener accepts no more connections", || std::net::TcpStream::connect(served.address).err())
        .await;
    served.queue.takes.send_replace(Takes::All);
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 202"), "{head}");
    served.server.await.unwrap().unwrap();
    assert_eq!(served.queue.jobs()[0]["body"]["amount"], json!(5));
}

/// What a load balancer and its keep-alive clients see of a restart: no, then each connection's end with an answer, and
/// nobody who comes meanwhile is refused.
#[tokio::test]
async fn a_stop_sends_clients_elsewhere_before_it_refuses_them() {
    let served = serve_on(Duration::from_secs(2));
    let mut kept = TcpStream::connect(served.address).await.unwrap();
    kept.write_all(request("", DEPOSIT).as_bytes()).await.unwrap();
    let head = read_head(&mut kept).await.to_lowercase();
    assert!(!head.contains("connection: close"), "{head}");

    let stopped = Instant::now();
    served.shutdown.cancel();
    for (line, status) in [("GET /readyz", "503"), ("POST /api/jobs", "202")] {
        let mut late = TcpStream::connect(served.address).await.unwrap();
        late.write_all(request("", DEPOSIT).replace("POST /api/jobs", line).as_bytes()).await.unwrap();
        let head = read_to_the_end(&mut late).await;
        assert!(
            head.starts_with(&format!("http/1.1 {status}")) && head.contains("connection: close"),
            "{head}"
        );
    }
    kept.write_all(request("", DEPOSIT).as_bytes()).await.unwrap();
    let head = read_to_the_end(&mut kept).await;
    assert!(head.starts_with("http/1.1 202") && head.contains("connection: close"), "{head}");

    assert!(stopped.elapsed() < Duration::from_secs(2), "too slow to show anything");
    let mut last = TcpStream::connect(served.address).await.unwrap();
    let mut idle = TcpStream::connect(served.address).await.unwrap();
    until("the pause ends", || (stopped.elapsed() >= Duration::from_secs(2)).then_some(())).await;
    until("the listener accepts no more connections", || std::net::TcpStream::connect(served.address).err())
        .await;
    last.write_all(request("", DEPOSIT).as_bytes()).await.unwrap();
    let head = read_to_the_end(&mut last).await;
    assert!(head.starts_with("http/1.1 202"), "{head}");
    served.server.await.unwrap().unwrap();
    assert!(stopped.elapsed() >= Duration::from_secs(2));
    assert_eq!(idle.read(&mut [0]).await.unwrap(), 0, "closed between requests");
    TcpStream::connect(served.address).await.unwrap_err();
}

/// An answer in lower case, after which the connection ends.
async fn read_to_the_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).to_lowercase()
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
