//! Against endpoints that answer by the letter, and some that do not.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

fn message() -> Message {
    let secrets = [Secret::new().unwrap(), Secret::new().unwrap()];
    Message {
        id: "0190.posted".to_owned(),
        content_type: "application/json",
        body: Bytes::from_static(b"{}"),
        secrets: secrets.into(),
    }
}

/// Sends to an endpoint that answers with these bytes and closes; returns what it was sent too.
async fn answered(answer: &'static str) -> (String, Attempt) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let endpoint = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"{}") {
            let mut some = [0; 1_024];
            let read = connection.read(&mut some).await.unwrap();
            request.extend_from_slice(&some[..read]);
        }
        connection.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(request).unwrap()
    });
    let attempt = Sender::new("127.0.0.0/8".parse().unwrap()).unwrap().send(&url, &message()).await;
    (endpoint.await.unwrap(), attempt)
}

#[tokio::test]
async fn a_message_carries_its_id_and_a_signature_by_each_secret() {
    let (request, attempt) = answered("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert!(attempt.is_delivered() && attempt.error.is_none(), "{attempt:?}");
    let header = |name: &str| {
        let line = request.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name} in {request}")).to_owned()
    };
    assert_eq!(header("webhook-id"), "0190.posted");
    assert!(header("webhook-timestamp").parse::<i64>().unwrap() > 1_700_000_000);
    assert_eq!(header("webhook-signature").split(' ').filter(|part| part.starts_with("v1,")).count(), 2);
    assert_eq!(header("content-type"), "application/json");
}

#[tokio::test]
async fn the_status_decides_and_the_rest_is_shown() {
    let (_, refused) = answered("HTTP/1.1 400 Bad\r\ncontent-length: 5\r\n\r\nno\u{7}pe").await;
    assert!(!refused.is_delivered() && !refused.is_of_endpoint());
    assert_eq!((refused.status, refused.answer.as_str()), (Some(400), "nope"));
    let (_, gone) = answered("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n").await;
    assert!(gone.is_gone());
    let (_, busy) = answered("HTTP/1.1 503 Busy\r\nretry-after: 90\r\ncontent-length: 0\r\n\r\n").await;
    assert!(busy.is_of_endpoint());
    assert_eq!(busy.retry_after, Some(Duration::from_secs(90)));
    let (_, moved) = answered(
        "HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:1/\r\nretry-after: 9\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    assert!(moved.error.as_ref().unwrap().contains("redirects"), "{moved:?}");
    assert_eq!((moved.status, moved.retry_after), (Some(307), None));
    let (_, broken) = answered("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nthanks").await;
    assert!(broken.is_delivered(), "it said so: {broken:?}");
    assert_eq!((broken.answer.as_str(), broken.error.is_some()), ("thanks", true));
    let (_, nonsense) = answered("nonsense\r\n\r\n").await;
    assert!(nonsense.status.is_none() && nonsense.is_of_endpoint() && nonsense.error.is_some());
}

#[tokio::test]
async fn a_private_address_is_not_called_and_not_named() {
    let sender = Sender::new(AllowedPrivate::Nothing).unwrap();
    for url in ["http://127.0.0.1:9/", "http://localhost:9/"] {
        let attempt = sender.send(url, &message()).await;
        let error = attempt.error.unwrap();
        assert!(error.contains("loopback") && !error.contains("127.0.0.1"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_hangs_is_let_go() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let attempt = Sender::new("127.0.0.0/8".parse().unwrap()).unwrap().send(&url, &message()).await;
    assert_eq!(attempt.error.as_deref(), Some("no answer within 15 seconds"));
    assert!(attempt.took >= ATTEMPT_TIMEOUT && attempt.took < 2 * ATTEMPT_TIMEOUT);
}
