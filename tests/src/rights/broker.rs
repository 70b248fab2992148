//! The users of the broker.

use anyhow::{Context as _, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::{file, path};
use crate::servers::RabbitMq;

/// What each user is called, after the prefix.
const ROLES: [&str; 4] = ["api", "worker", "monitor", "management"];
const PASSWORD: &str = "of-one-test-only";
const PERMISSIONS: &str = "deploy/rabbitmq/permissions.json";

/// A virtual host with a user for each role.
#[derive(Debug)]
pub struct BrokerUsers {
    /// `host:port` for AMQP.
    address: String,
    /// The management API, without a user, and the administrator's user and password.
    management: String,
    admin: (String, String),
    /// The beginning of the names of the users.
    prefix: String,
    vhost: String,
    /// `None`: it is shared with other tests.
    server: Option<RabbitMq>,
}

impl BrokerUsers {
    /// Makes the users on a private broker, or, under names and in a virtual host of this test's own, on that of
    /// `TEST_AMQP_URL` whose management API is `AMQP_MANAGEMENT_URL`, and gives them the permissions of
    /// `deploy/rabbitmq/permissions.json`.
    pub(super) async fn make() -> anyhow::Result<BrokerUsers> {
        let given = (std::env::var("TEST_AMQP_URL"), std::env::var("AMQP_MANAGEMENT_URL"));
        let users = match given {
            (Ok(amqp), Ok(management)) => {
                let name = format!("tellers_test_{}", std::process::id());
                BrokerUsers::on(&amqp, &management, name.clone(), name, None)?
            }
            _ => {
                let server = RabbitMq::start_managed().await?;
                let management = server.management_url().context("no management API")?;
                BrokerUsers::on(&server.url(), &management, "tellers".into(), "/".into(), Some(server))?
            }
        };
        let vhost = users.vhost.replace('/', "%2F");
        users.put(&format!("vhosts/{vhost}"), &json!({})).await?;
        let all = json!({ "configure": ".*", "write": ".*", "read": ".*" });
        users.put(&format!("permissions/{vhost}/{}", users.admin.0), &all).await?;
        for role in ROLES {
            let tags = if role == "management" { "monitoring" } else { "" };
            let user = json!({ "password": PASSWORD, "tags": tags });
            users.put(&format!("users/{}_{role}", users.prefix), &user).await?;
        }
        match &users.server {
            // As operators do.
            Some(server) => {
                let path = path(PERMISSIONS);
                server.control(&["import_definitions", path.to_str().context("an odd path")?]).await?;
            }
            None => users.permit_all().await?,
        }
        Ok(users)
    }

    fn on(
        amqp: &str,
        management: &str,
        prefix: String,
        vhost: String,
        server: Option<RabbitMq>,
    ) -> anyhow::Result<BrokerUsers> {
        let (scheme, authority) = management.trim_end_matches('/').split_once("://").context("no URL")?;
        let (credentials, host) = authority.rsplit_once('@').unwrap_or(("guest:guest", authority));
        let (user, password) = credentials.split_once(':').context("no password")?;
        let address = amqp.rsplit_once('@').and_then(|(_, rest)| rest.split('/').next());
        Ok(BrokerUsers {
            address: address.context("no host in the URL of the broker")?.to_owned(),
            management: format!("{scheme}://{host}"),
            admin: (user.to_owned(), password.to_owned()),
            prefix,
            vhost,
            server,
        })
    }

    /// The same as an import, under the names of this test.
    async fn permit_all(&self) -> anyhow::Result<()> {
        let file: Value = serde_json::from_str(&file(PERMISSIONS)?)?;
        for permission in file["permissions"].as_array().context("no permissions")? {
            let role = permission["user"].as_str().and_then(|user| user.strip_prefix("tellers_"));
            let user = format!("{}_{}", self.prefix, role.context("a user is not of this fleet")?);
            let mut patterns = json!({});
            for pattern in ["configure", "write", "read"] {
                patterns[pattern] = permission[pattern].clone();
            }
            self.put(&format!("permissions/{}/{user}", self.vhost), &patterns).await?;
        }
        Ok(())
    }

    /// The URL for the user of a role.
    pub fn url(&self, role: &str) -> String {
        let vhost = self.vhost.replace('/', "%2f");
        format!("amqp://{}_{role}:{PASSWORD}@{}/{vhost}", self.prefix, self.address)
    }

    /// The management API, by the user that may look at everything and use nothing.
    pub fn management_url(&self) -> String {
        self.management.replacen("://", &format!("://{}_management:{PASSWORD}@", self.prefix), 1)
    }

    /// Removes what was made on a broker that outlives the tests.
    pub(super) async fn remove(&self) -> anyhow::Result<()> {
        if self.server.is_none() {
            self.ask(Method::DELETE, &format!("vhosts/{}", self.vhost), &Value::Null).await?;
            for role in ROLES {
                self.ask(Method::DELETE, &format!("users/{}_{role}", self.prefix), &Value::Null).await?;
            }
        }
        Ok(())
    }

    async fn put(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        self.ask(Method::PUT, path, body).await
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<()> {
        let (user, password) = &self.admin;
        let client = reqwest::Client::builder().tls_backend_preconfigured(runtime::tls::client_config()?);
        let client = client.no_proxy().build()?;
        let request = client.request(method.clone(), format!("{}/api/{path}", self.management));
        let answer = request.basic_auth(user, Some(password)).json(body).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "{method} {path}: {status} {}", answer.text().await?);
        Ok(())
    }
}
