//! Files that mean harm, and files that are none: each gets a clear answer, little memory, and leaves nothing.

#![allow(clippy::unwrap_used)] // What the tests share fails as they do.

use std::io::Write as _;

use anyhow::ensure;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tests::client::Client;
use tests::fleet::{Fleet, Replica, Role};
use tests::wait::until;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{WITHIN, assert_counts, ended, send};

/// What a file may cost beyond what a small one does.
const GROWTH_KIB_MAX: u64 = 64 * 1024;

struct Target {
    folder: tempfile::TempDir,
    _fleet: Fleet,
    dev: Replica,
    client: Client,
}

impl Target {
    async fn start() -> Target {
        let folder = tempfile::tempdir().unwrap();
        let fleet = Fleet::embedded().unwrap().with("DATA_DIR", &folder.path().to_string_lossy());
        let dev = fleet.start(Role::Dev).await.unwrap();
        let client = Client::new(&dev.url_as(Role::Api, "").unwrap()).unwrap();
        let small =
            send(&client, "", "text/csv", "kind,account,currency\nopen_account,a,EUR\n").await.unwrap();
        ended(&client, &small["id"]).await.unwrap();
        Target { folder, _fleet: fleet, dev, client }
    }

    /// The most memory that the process has had, in KiB.
    fn peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.dev.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    async fn nothing_is_left(&self) {
        until("nothing is left in the folder", WITHIN, async || {
            let left = std::fs::read_dir(self.folder.path().join("imports"))?.count();
            ensure!(left == 0, "{left} files");
            Ok(())
        })
        .await
        .unwrap();
        let listed: Value = self.client.get("/api/imports").await.unwrap().json().unwrap();
        for import in listed["imports"].as_array().unwrap() {
            assert!(["done", "refused"].contains(&import["state"].as_str().unwrap()), "{import}");
        }
    }

    async fn refused(&self, query: &str, media_type: &str, body: Vec<u8>) -> String {
        let import = send(&self.client, query, media_type, body).await.unwrap();
        let import = ended(&self.client, &import["id"]).await.unwrap();
        assert_eq!(import["state"], "refused", "{import}");
        assert_counts(&import, &[("accepted", 0), ("posted", 0)]);
        import["error"]["detail"].as_str().unwrap().to_owned()
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A gibibyte: members of gzip may follow each other.
fn gibibyte_of(megabyte: &[u8]) -> Vec<u8> {
    gzip(megabyte).repeat((1 << 30) / megabyte.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_and_traps_are_refused_within_bounded_memory() {
    let target = Target::start().await;
    let before = target.peak_kib();
    let laughs = "<?xml version=\"1.0\"?><!DOCTYPE l [<!ENTITY a \"lol\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">\
         <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]><Document>&c;</Document>";
    let external = "<!DOCTYPE l [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><Document>&x;</Document>";
    // A line that is sound as gzip goes: no more than some 85 times its size.
    let mut noise = 7_u64;
    let mut line: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        b'a' + u8::try_from(noise >> 60).unwrap()
    })
    .take(20 << 10)
    .collect();
    line.resize(1 << 20, b'x');
    let cut = gzip(&b"kind,account\nopen_account,a\n".repeat(1_000));
    // Sections of a text that each are within the limit of one.
    let section = [b"<![CDATA[".as_slice(), &line[..180 << 10], b"]]>"].concat();
    let start = gzip(b"<Document><CstmrCdtTrfInitn><GrpHdr><MsgId>M</MsgId><NbOfTxs>");
    let sections = [start, gzip(&section).repeat(1_000)].concat();
    let cases: [(&str, Vec<u8>, &str); 10] = [
        ("pain.001", laughs.into(), "DTD"),
        ("pain.001", external.into(), "DTD"),
        ("csv", gibibyte_of(&vec![0; 1 << 20]), "more than 65536 bytes"),
        ("ndjson", gibibyte_of(&b"{}\n".repeat(1 << 18)), "unfolds to more than"),
        ("csv", gibibyte_of(&line), "more than 65536 bytes"),
        ("csv", cut[..cut.len() - 4].to_vec(), "ends before its end"),
        ("csv", b"kind,account\nopen_account,a\0b\n".to_vec(), "zero byte"),
        ("csv", gzip(&gzip(b"kind,account\n")), "gzip within gzip"),
        ("pain.001", vec![b'<'; 1 << 20], "more than 65536 bytes"),
        ("pain.001", sections, "NbOfTxs is no number"),
    ];
    for (format, body, why) in cases {
        let told = target.refused(&format!("?format={format}"), "application/octet-stream", body).await;
        assert!(told.contains(why) && !told.contains("root:"), "{why}: {told}");
        target.nothing_is_left().await;
    }
    let growth = target.peak_kib() - before;
    println!("memory grew by {growth} KiB");
    assert!(growth < GROWTH_KIB_MAX, "{growth} KiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_200_megabytes_is_turned_away_whether_or_not_it_says_its_size() {
    let target = Target::start().await;
    let before = target.peak_kib();
    let address = target.dev.url_as(Role::Api, "").unwrap();
    let address = address.trim_start_matches("http://").to_owned();
    for size in ["Content-Length: 209715200", "Transfer-Encoding: chunked"] {
        let (mut reader, mut writer) = TcpStream::connect(&address).await.unwrap().into_split();
        let head = format!(
            "POST /api/imports HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n{size}\r\n\r\n"
        );
        writer.write_all(head.as_bytes()).await.unwrap();
        let is_chunked = size.contains("chunked");
        let sending = tokio::spawn(async move {
            let chunk = [b"100000\r\n".as_slice(), &[b'x'; 1 << 20], b"\r\n"].concat();
            let mut sent = 0;
            // It may be cut off at any time.
            while is_chunked && sent < 200 && writer.write_all(&chunk).await.is_ok() {
                sent += 1;
            }
            (sent, writer)
        });
        let mut answer = vec![0; 4096];
        let read = tokio::time::timeout(WITHIN, reader.read(&mut answer)).await.unwrap().unwrap();
        let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("MAX_UPLOAD_MB"), "{size}: {answer}");
        drop(reader);
        sending.abort();
        target.nothing_is_left().await;
    }
    let growth = target.peak_kib() - before;
    assert!(growth < GROWTH_KIB_MAX, "{growth} KiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_none_are_refused_as_what_they_are() {
    let target = Target::start().await;
    for (media_type, start, why) in [
        ("application/pdf", "%PDF-1.7\n1 0 obj, <<>>; endobj\n", "PDF"),
        ("text/csv", "PK\u{3}\u{4}\u{14}\0\u{6}\0xl/workbook.xml", "workbook"),
        ("application/octet-stream", "\u{1}\u{2}\u{3}", "neither CSV, NDJSON nor pain.001"),
        ("text/csv", "a;b\n1;2\n", "map="),
        ("application/xml", "<html><body/></html>", "no part of pain.001"),
    ] {
        let told = target.refused("", media_type, start.into()).await;
        assert!(told.contains(why), "{why}: {told}");
    }
    let empty = target.refused("", "text/csv", gzip(b"")).await;
    assert!(empty.contains("no rows"), "{empty}");
    let text = "kind;account;currency\r\nopen_account;Zoë;EUR\r\nopen_account;zoe;EUR\r\n";
    let utf_16: Vec<u8> =
        [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let import = send(&target.client, "", "image/png", utf_16).await.unwrap();
    let import = ended(&target.client, &import["id"]).await.unwrap();
    assert_counts(&import, &[("posted", 1), ("refused", 1)]);
    target.nothing_is_left().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_that_are_wrong_are_refused_and_leave_nothing() {
    let target = Target::start().await;
    let part = |name: &str, text: &str| {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let file = |name: &str, text: &str| part(&format!("file\"; filename=\"{name}"), text);
    let csv = "kind,account,currency\nopen_account,b,EUR";
    let form = "multipart/form-data; boundary=B";
    for (media_type, body, status, why) in [
        (form, part("format", "csv") + "--B--\r\n", 400, "no file"),
        (form, file("a.csv", csv) + &file("b.csv", csv) + "--B--\r\n", 400, "one file a request"),
        (form, file("a.csv", csv) + &part("map", "kind=Art") + "--B--\r\n", 400, "\"map\" after the file"),
        (form, part("colour", "red") + &file("a.csv", csv) + "--B--\r\n", 400, "colour"),
        (form, part("map", "colour=red") + &file("a.csv", csv) + "--B--\r\n", 400, "colour"),
        (form, file("a.csv", ""), 400, "could not be read to its end"),
        (form, file("a.csv", "") + "--B--\r\n", 422, "empty"),
        (form, part("map", &"x".repeat(100_000)) + &file("a.csv", csv) + "--B--\r\n", 413, "longer than"),
        ("multipart/form-data", file("a.csv", csv) + "--B--\r\n", 400, "form could not be read"),
        ("text/csv", String::new(), 422, "empty"),
    ] {
        let answer = target.client.post("/api/imports", media_type, body).await.unwrap();
        assert!(
            answer.status.as_u16() == status && answer.body.contains(&why.replace('"', "\\\"")),
            "{why}: {answer:?}"
        );
        target.nothing_is_left().await;
    }
    assert_eq!(target.client.get("/api/accounts/b").await.unwrap().status, 404);
}
