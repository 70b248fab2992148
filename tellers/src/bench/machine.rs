//! What the figures were measured on, and with.

use std::time::Duration;

use serde::Serialize;
use store::floor::ServerFacts;
use sysinfo::System;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::servers::ServerUrl;

/// How long the broker may take to say what it is.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);
/// What a client of AMQP 0-9-1 says first; the broker answers with what it is, before it asks who the client is.
const PROTOCOL_HEADER: &[u8] = b"AMQP\0\0\x09\x01";
const FRAME_BYTES_MAX: usize = 64 * 1024;

/// The machine, the servers and the binary.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    /// 10^6 bytes.
    pub(crate) memory_mb: u64,
    pub(crate) kernel: String,
    /// The binary's version.
    pub(crate) version: &'static str,
    /// What it was built from; `None`: whoever built it did not say.
    pub(crate) commit: Option<&'static str>,
    /// Whether it was built with optimisations.
    pub(crate) optimised: bool,
    /// `None`: the embedded one.
    pub(crate) database: Option<String>,
    pub(crate) database_tls: Option<bool>,
    /// `None`: the embedded one, or it did not say.
    pub(crate) broker: Option<String>,
}

impl Machine {
    /// Looks at the machine, and asks the servers.
    ///
    /// # Errors
    /// This system does not tell.
    pub(crate) async fn look(
        database: Option<ServerFacts>,
        broker: Option<&ServerUrl>,
    ) -> anyhow::Result<Machine> {
        let mut system = System::new()?;
        system.refresh_memory();
        let broker = match broker {
            Some(broker) => broker_version(broker).await,
            None => None,
        };
        Ok(Machine {
            cores: std::thread::available_parallelism()?.get(),
            memory_mb: system.total_memory() / 1_000_000,
            kernel: System::kernel_long_version()?,
            version: env!("CARGO_PKG_VERSION"),
            commit: option_env!("TELLERS_COMMIT"),
            optimised: !cfg!(debug_assertions),
            database_tls: database.as_ref().map(|facts| facts.tls),
            database: database.map(|facts| facts.version),
            broker,
        })
    }

    /// The binary in a few words.
    pub(crate) fn binary(&self) -> String {
        let commit = self.commit.map_or_else(
            || "commit unknown: build with TELLERS_COMMIT set".to_owned(),
            |commit| format!("commit {commit}"),
        );
        let build = if self.optimised { "" } else { ", without optimisations" };
        format!("{} ({commit}{build})", self.version)
    }
}

/// Such as `RabbitMQ 4.3.0`. Over TLS nobody asks.
async fn broker_version(broker: &ServerUrl) -> Option<String> {
    if broker.url.scheme() == "amqps" {
        return None;
    }
    let asked = async {
        let mut stream = TcpStream::connect((broker.host.as_str(), broker.port)).await?;
        stream.write_all(PROTOCOL_HEADER).await?;
        // A frame begins with its type, its channel and its size.
        let mut head = [0; 7];
        stream.read_exact(&mut head).await?;
        let [.., a, b, c, d] = head;
        let bytes = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(FRAME_BYTES_MAX);
        let mut frame = vec![0; bytes.min(FRAME_BYTES_MAX)];
        stream.read_exact(&mut frame).await?;
        std::io::Result::Ok(frame)
    };
    let frame = timeout(ANSWER_TIMEOUT, asked).await.ok()?.ok()?;
    let property = |name| property(&frame, name);
    Some(format!("{} {}", property("product")?, property("version")?))
}

/// A property of the server that is a long string: a length of one byte, the name, `S`, a length of four bytes, the value.
fn property(frame: &[u8], name: &str) -> Option<String> {
    let mut key = vec![u8::try_from(name.len()).ok()?];
    key.extend(name.as_bytes());
    key.push(b'S');
    let at = frame.windows(key.len()).position(|window| window == key)? + key.len();
    let (length, value) = frame.get(at..)?.split_first_chunk::<4>()?;
    let value = value.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    String::from_utf8(value.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_says_what_it_is() {
        let mut frame =
            b"\0\x0a\0\x0a\0\x09\0\0\0\x99\x07productS\0\0\0\x08RabbitMQ\x07versionS\0\0\0\x054.3.0".to_vec();
        assert_eq!(property(&frame, "product").as_deref(), Some("RabbitMQ"));
        assert_eq!(property(&frame, "version").as_deref(), Some("4.3.0"));
        frame.truncate(frame.len() - 1);
        assert_eq!(property(&frame, "version"), None);
    }
}
