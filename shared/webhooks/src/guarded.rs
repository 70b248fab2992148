//! A client of HTTP for an address that somebody has set while the fleet runs: it reaches the public network, and of
//! private addresses those alone that this process was started with. Otherwise whoever may set a webhook could reach what
//! only this network may.
//!
//! A name is resolved once, and what is connected to is what was checked. Redirects are not followed, and no proxy is
//! used, since neither would be checked.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Url};
use runtime::addresses::AllowedPrivate;
use runtime::tls::{self, Peer};

use crate::target;

/// The setting that allows private addresses.
const SETTING: &str = "WEBHOOK_ALLOW_PRIVATE";

/// Connections to one host that wait for its next request, and for how long.
const IDLE_CONNECTIONS_MAX: usize = 4;
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Sends requests where they may go.
#[derive(Debug, Clone)]
pub struct Guarded {
    http: Client,
    allowed: Arc<AllowedPrivate>,
}

/// The address may not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "it leads to the address {address}, which is {kind}; name an address of the public network, or start the fleet with \
     {SETTING} set to the network of this one, such as {address}"
)]
pub struct Refused {
    address: IpAddr,
    kind: &'static str,
}

impl Refused {
    /// What kind of address it is: for whoever need not know which one a name leads to.
    pub fn kind(&self) -> &'static str {
        self.kind
    }
}

impl Guarded {
    /// A client whose requests, answers included, take no longer than `timeout`.
    ///
    /// # Errors
    /// There is no such client.
    pub fn new(allowed: AllowedPrivate, timeout: Duration) -> anyhow::Result<Guarded> {
        let allowed = Arc::new(allowed);
        let http = Client::builder()
            .tls_backend_preconfigured(tls::client_config()?)
            .dns_resolver(Checked(allowed.clone()))
            .redirect(Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .timeout(timeout)
            .build()?;
        Ok(Guarded { http, allowed })
    }

    /// A POST request to be completed.
    ///
    /// # Errors
    /// The URL has an address, which may not be reached.
    pub fn post(&self, url: &str) -> Result<RequestBuilder, Refused> {
        // Addresses are not resolved. What is no URL fails when it is sent.
        if let Some(address) = Url::parse(url).ok().as_ref().and_then(target::address) {
            check(&self.allowed, address)?;
        }
        Ok(self.http.post(url))
    }
}

/// Resolves names to the addresses that may be reached.
struct Checked(Arc<AllowedPrivate>);

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(permitted(&allowed, found)?)
        })
    }
}

/// Those of the addresses that may be reached; where there are none, why the first may not.
fn permitted(allowed: &AllowedPrivate, found: Vec<SocketAddr>) -> Result<Addrs, Refused> {
    let mut refused = None;
    let mut permitted = Vec::new();
    for found in found {
        match check(allowed, found.ip()) {
            Ok(()) => permitted.push(found),
            Err(error) => drop(refused.get_or_insert(error)),
        }
    }
    match refused {
        Some(refused) if permitted.is_empty() => Err(refused),
        _ => Ok(Box::new(permitted.into_iter())),
    }
}

fn check(allowed: &AllowedPrivate, address: IpAddr) -> Result<(), Refused> {
    allowed.check(address).map_err(|kind| Refused { address: address.to_canonical(), kind })
}

/// Why there was no answer of `peer`: without the URL, which may carry a token.
pub fn why(error: reqwest::Error, peer: &Peer) -> String {
    let error = error.without_url();
    if let Some(explained) = tls::explain(&error, peer) {
        return explained;
    }
    let causes = std::iter::successors(error.source(), |error| (*error).source());
    // The errors between say where it was to go.
    match causes.filter_map(|cause| cause.downcast_ref::<io::Error>()).last() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// The refusal within an error of the client.
pub fn refused(error: &reqwest::Error) -> Option<Refused> {
    let mut causes = std::iter::successors(error.source(), |error| (*error).source());
    causes.find_map(|cause| cause.downcast_ref::<Refused>().cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Peer = Peer { setting: "the URL", plain: "http:// in it", any_name: None };
    const WITHIN: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_name_or_an_address_of_this_machine_is_refused_unless_it_is_allowed() {
        // Somebody listens, so that nothing but the check keeps the request from being sent.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let guarded = Guarded::new(AllowedPrivate::Nothing, WITHIN).unwrap();
        for host in ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0.0.0.0"] {
            let refused = guarded.post(&format!("http://{host}:{port}/")).err().unwrap().to_string();
            assert!(refused.contains(SETTING), "{host}: {refused}");
        }
        let error = guarded.post(&format!("http://localhost:{port}/")).unwrap().send().await.unwrap_err();
        let told = refused(&error).expect("the name leads to this machine").to_string();
        assert!(told.contains("loopback") && told.contains(SETTING), "{told}");

        let guarded = Guarded::new("127.0.0.0/8".parse().unwrap(), WITHIN).unwrap();
        let sent = tokio::spawn(guarded.post(&format!("http://localhost:{port}/")).unwrap().send());
        let (connection, _) = listener.accept().await.unwrap();
        drop(connection);
        let error = sent.await.unwrap().unwrap_err();
        assert_eq!(refused(&error), None);
        assert!(!why(error, &PEER).contains("localhost"));
    }

    #[test]
    fn of_several_addresses_those_that_may_be_reached_are_left() {
        let addresses =
            |text: &[&str]| text.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let mixed = permitted(&AllowedPrivate::Nothing, addresses(&["10.0.0.1:0", "1.1.1.1:0", "[::1]:0"]));
        assert_eq!(mixed.ok().unwrap().collect::<Vec<_>>(), addresses(&["1.1.1.1:0"]));
        let refused =
            permitted(&AllowedPrivate::Nothing, addresses(&["10.0.0.1:0", "[fe80::1]:0"])).err().unwrap();
        assert_eq!((refused.address.to_string().as_str(), refused.kind), ("10.0.0.1", "private"));
    }
}
