//! Opens the connections of a pool to the one broker that `AMQP_URL` names.

use std::io;

use deadpool::managed::{Manager, Metrics, PoolError, RecycleError, RecycleResult};
use lapin::runtime::default_runtime;
use lapin::tcp::OwnedTLSConfig;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties, ErrorKind};
use runtime::server_url::{ServerHost, UrlForm};
use runtime::tls::{self, Peer};

use crate::{BrokerError, rights};

/// The setting, and how its value is written.
const SETTING: &str = "AMQP_URL";
const FORM: UrlForm = UrlForm {
    schemes: &["amqp", "amqps"],
    example: "amqp://user:password@host:5672/vhost",
    parameters: &["frame_max", "channel_max", "heartbeat", "connection_timeout", "auth_mechanism"],
    instead_of_host: None,
};

const PEER: Peer = Peer { setting: SETTING, plain: "amqp:// in it", any_name: None };

/// A broker, and the name of the connections to it.
pub struct Connector {
    uri: AMQPUri,
    name: String,
}

/// Reads the URL; the host is the one that it names.
///
/// # Errors
/// It is none, or a part of it would be passed over.
pub fn read(url: &str) -> Result<(AMQPUri, ServerHost), BrokerError> {
    let host = FORM.host(SETTING, url).map_err(|error| BrokerError::Failed(error.to_string()))?;
    let host =
        host.ok_or_else(|| BrokerError::Failed(format!("{SETTING} has no host; write {}", FORM.example)))?;
    let mut uri: AMQPUri = url.trim().parse().map_err(|cause| {
        // Neither the URL nor the parser's words are repeated: both may hold the password.
        let _: String = cause;
        BrokerError::Failed(format!(
            "{SETTING} cannot be used: a value of its query parameters ({}) or the encoding of its user, password or \
             virtual host is not understood; write {}",
            FORM.parameters.join(", "),
            FORM.example
        ))
    })?;
    // Its parser puts localhost for an IPv6 address.
    host.as_str().clone_into(&mut uri.authority.host);
    Ok((uri, host))
}

/// The broker's host, if what goes there leaves this machine in the clear. A URL that cannot be read goes nowhere.
pub fn exposed_host(url: &str) -> Option<ServerHost> {
    let (uri, host) = read(url).ok()?;
    (uri.scheme == AMQPScheme::AMQP && !host.is_loopback()).then_some(host)
}

impl Connector {
    pub(crate) fn new(uri: AMQPUri, name: &str) -> Connector {
        Connector { uri, name: name.to_owned() }
    }

    /// Why no connection could be opened, with the remedy where there is one.
    pub(crate) fn explain(&self, cause: &PoolError<lapin::Error>) -> String {
        if let Some(explained) = tls::explain(cause, &PEER) {
            return explained;
        }
        let PoolError::Backend(cause) = cause else { return cause.to_string() };
        // A port for TLS answers with an alert, which is no AMQP, or closes.
        let strange = match cause.kind() {
            ErrorKind::IOError(cause) => cause.kind() == io::ErrorKind::ConnectionAborted,
            ErrorKind::ParsingError(_) => true,
            _ => false,
        };
        if strange && self.uri.scheme == AMQPScheme::AMQP {
            return format!(
                "{cause}: it does not answer in AMQP; if the port is one for TLS, write amqps:// in {SETTING}, else see the \
                 server's log"
            );
        }
        rights::explained(cause)
    }
}

impl Manager for Connector {
    type Type = Connection;
    type Error = lapin::Error;

    async fn create(&self) -> Result<Connection, lapin::Error> {
        // No recovery by lapin: a channel that came back by itself would hide that its unconfirmed
        // publishes and unacknowledged deliveries are void.
        let properties = ConnectionProperties::default().with_connection_name(self.name.as_str().into());
        // Read for each connection: a new authority is known without a restart.
        let authorities = match self.uri.scheme {
            AMQPScheme::AMQPS => tls::authorities_pem().map_err(io::Error::other)?,
            AMQPScheme::AMQP => None,
        };
        let trusting = OwnedTLSConfig { identity: None, cert_chain: authorities };
        // The URL as it was read: written out and parsed again, it would lose an IPv6 address.
        Connection::connect_uri_with_config(self.uri.clone(), properties, trusting, default_runtime()?).await
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<lapin::Error> {
        if connection.status().connected() {
            Ok(())
        } else {
            Err(RecycleError::message("the connection is lost"))
        }
    }
}
