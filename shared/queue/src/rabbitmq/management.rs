//! The management API of the broker: the one place where it tells of policies. A broker without it works as well; then
//! they are not looked at.
//!
//! <https://www.rabbitmq.com/docs/http-api-reference>

use std::collections::BTreeMap;
use std::time::Duration;

use amqp::connector;
use lapin::uri::{AMQPScheme, AMQPUri};
use runtime::server_url::http_base;
use runtime::tls::{self, Peer, client_config};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::QueueError;

/// How the setting is called.
const SETTING: &str = "AMQP_MANAGEMENT_URL";
const PEER: Peer = Peer { setting: SETTING, plain: "http:// in it", any_name: None };
/// The ports of AMQP and of the management API, where nobody has set others.
const AMQP_PORT: u16 = 5672;
const PORT: u16 = 15672;
/// It collects figures of every queue, and a starting fleet waits for the first answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Asks for the queues as they are, without figures; or with these, as of some seconds ago.
const NOW: &str = "disable_stats=true&enable_queue_totals=true&columns=name,policy,operator_policy,\
                   effective_policy_definition,arguments";
const LATELY: &str = "columns=name,policy,operator_policy,effective_policy_definition,arguments";

/// The management API of one virtual host.
pub(super) struct Management {
    http: reqwest::Client,
    /// Where its lists are.
    lists: Url,
    vhost: String,
    /// Where it is, for messages.
    address: String,
    user: String,
    password: String,
}

/// A queue, as far as it is asked about.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct ListedQueue {
    pub(super) name: String,
    pub(super) policy: Option<String>,
    pub(super) operator_policy: Option<String>,
    /// What all its policies together set. Where there are none, some versions send a list; absent: not known yet.
    effective_policy_definition: Option<Value>,
    /// What it was declared with.
    #[serde(default)]
    arguments: Value,
}

/// An exchange, as far as it is asked about.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ListedExchange {
    pub(super) name: String,
    pub(super) policy: Option<String>,
}

/// A policy: what it sets.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ListedPolicy {
    pub(super) name: String,
    #[serde(default)]
    pub(super) definition: Value,
}

impl ListedQueue {
    /// Whether it is known what its policies set.
    pub(super) fn is_told(&self) -> bool {
        self.effective_policy_definition.is_some()
    }

    pub(super) fn set_by_policy(&self) -> BTreeMap<&str, &Value> {
        let set = self.effective_policy_definition.as_ref().and_then(Value::as_object);
        set.into_iter().flatten().map(|(name, value)| (name.as_str(), value)).collect()
    }

    pub(super) fn argument(&self, name: &str) -> Option<&Value> {
        self.arguments.get(name)
    }
}

impl Management {
    /// That of the broker of `amqp_url`, at `given` or where it is by default, with the user of either. `None`: nobody says
    /// where it is, and the broker is not where it is by default.
    ///
    /// # Errors
    /// A URL is none.
    pub(super) fn of(amqp_url: &str, given: Option<&str>) -> Result<Option<Management>, QueueError> {
        let (amqp, host) = connector::read(amqp_url)?;
        let base = match given {
            Some(given) => http_base(given).map_err(|why| refused(&why))?,
            // Over TLS nothing of its user may leave in the clear.
            None if amqp.scheme == AMQPScheme::AMQP && amqp.authority.port == AMQP_PORT => {
                format!("http://{host}:{PORT}")
            }
            None => return Ok(None),
        };
        Management::at(&base, &amqp).map(Some)
    }

    fn at(base: &str, amqp: &AMQPUri) -> Result<Management, QueueError> {
        let mut url = Url::parse(base).map_err(|error| refused(&error))?;
        let decoded =
            |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (user, password) = if url.username().is_empty() {
            (amqp.authority.userinfo.username.clone(), amqp.authority.userinfo.password.clone())
        } else {
            (decoded(url.username()), decoded(url.password().unwrap_or_default()))
        };
        let cleared = url.set_username("").and_then(|()| url.set_password(None));
        cleared.map_err(|()| refused(&"it has no host"))?;
        let address = url.as_str().trim_end_matches('/').to_owned();
        let vhost = if amqp.vhost.is_empty() { "/" } else { &amqp.vhost }.to_owned();
        url.path_segments_mut().map_err(|()| refused(&"it has no path"))?.pop_if_empty().push("api");
        let no_client = |error: &dyn std::fmt::Display| {
            QueueError::Failed(format!("no client for the management API: {error}"))
        };
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(client_config().map_err(|error| no_client(&error))?)
            .timeout(ANSWER_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| no_client(&error))?;
        Ok(Management { http, lists: url, vhost, address, user, password })
    }

    /// Every queue of the virtual host.
    ///
    /// # Errors
    /// The API does not answer, or not as it should; in a sentence.
    pub(super) async fn queues(&self) -> Result<Vec<ListedQueue>, String> {
        let now: Vec<ListedQueue> = self.list("queues", NOW).await?;
        // RabbitMQ 3.10 tells of policies among its figures only, which are some seconds old.
        if now.iter().all(ListedQueue::is_told) { Ok(now) } else { self.list("queues", LATELY).await }
    }

    /// Every exchange of the virtual host.
    ///
    /// # Errors
    /// As of [`Management::queues`].
    pub(super) async fn exchanges(&self) -> Result<Vec<ListedExchange>, String> {
        self.list("exchanges", "columns=name,policy").await
    }

    /// Every policy of the virtual host, those of operators not among them: these apply to queues alone.
    ///
    /// # Errors
    /// As of [`Management::queues`].
    pub(super) async fn policies(&self) -> Result<Vec<ListedPolicy>, String> {
        self.list("policies", "columns=name,definition").await
    }

    async fn list<T: DeserializeOwned>(&self, what: &str, query: &str) -> Result<Vec<T>, String> {
        let mut url = self.lists.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend([what, &self.vhost]);
        }
        url.set_query(Some(query));
        let asked = self.http.get(url).basic_auth(&self.user, Some(&self.password)).send();
        let answer = asked.await.map_err(|error| self.silent(error))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!(
                "the management API at {} answers {status}; its user needs the tag `monitoring` or `management`",
                self.address
            ));
        }
        answer.json().await.map_err(|error| self.silent(error))
    }

    fn silent(&self, error: reqwest::Error) -> String {
        let error = error.without_url();
        if let Some(explained) = tls::explain(&error, &PEER) {
            return format!("no answer of the management API at {}: {explained}", self.address);
        }
        let error = anyhow::Error::new(error);
        format!(
            "no answer of the management API at {} ({error:#}); enable the plugin rabbitmq_management, and set {SETTING} to \
             where it is",
            self.address
        )
    }
}

fn refused(why: &dyn std::fmt::Display) -> QueueError {
    QueueError::Failed(format!("{SETTING} cannot be used: {why}"))
}

/// What is said where nobody knows where it is.
pub(super) fn nowhere() -> String {
    format!(
        "the address of the broker's management API is not known; set {SETTING}, such as http://broker:{PORT}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_where_it_is_by_default_or_where_it_is_said_to_be() {
        let at = |amqp: &str, given: Option<&str>| {
            let found = Management::of(amqp, given).unwrap();
            found.map(|found| {
                (found.vhost, found.lists.path().to_owned(), found.address, found.user, found.password)
            })
        };
        let expected = |vhost: &str, path: &str, address: &str, user: &str, password: &str| {
            Some((
                vhost.to_owned(),
                path.to_owned(),
                address.to_owned(),
                user.to_owned(),
                password.to_owned(),
            ))
        };
        assert_eq!(
            at("amqp://u:p%40@[::1]:5672/%2f", None),
            expected("/", "/api", "http://[::1]:15672", "u", "p@")
        );
        assert_eq!(
            at("amqp://u:p@b/x", None),
            expected("x", "/api", "http://b:15672", "u", "p"),
            "5672 is the port where none is written"
        );
        assert_eq!(at("amqp://u:p@b:5673/x", None), None, "another one may answer there");
        assert_eq!(at("amqps://u:p@b/x", None), None, "the password would leave in the clear");
        assert_eq!(
            at("amqps://u:p@b/x", Some("http://w:s%2F@proxy:8080/rabbit/")),
            expected("x", "/rabbit/api", "http://proxy:8080/rabbit", "w", "s/")
        );
        for odd in ["ftp://b", "http://", "b:15672", "http://b?x=1"] {
            let told = Management::of("amqp://b/x", Some(odd)).err().unwrap().to_string();
            assert!(told.contains("AMQP_MANAGEMENT_URL cannot be used"), "{odd}: {told}");
        }
    }
}
