//! A client of HTTP for an address that somebody has set while the monitor runs: it reaches the public network, and of
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

/// The setting that allows private addresses.
const SETTING: &str = "WEBHOOK_ALLOW_PRIVATE";

const WEBHOOK: Peer = Peer { setting: "ALERT_WEBHOOK_URL", plain: "http:// in it", any_name: None };

/// Sends requests where they may go.
pub(super) struct Guarded {
    http: Client,
    allowed: Arc<AllowedPrivate>,
}

/// The address may not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "it leads to the address {address}, which is {kind}; name an address of the public network, or start the monitor with \
     {SETTING} set to the network of this one, such as {address}"
)]
pub(super) struct Refused {
    address: IpAddr,
    kind: &'static str,
}

impl Guarded {
    /// A client whose requests, answers included, take no longer than `timeout`.
    ///
    /// # Errors
    /// There is no such client.
    pub(super) fn new(allowed: AllowedPrivate, timeout: Duration) -> anyhow::Result<Guarded> {
        let allowed = Arc::new(allowed);
        let http = Client::builder()
            .tls_backend_preconfigured(tls::client_config()?)
            .dns_resolver(Checked(allowed.clone()))
            .redirect(Policy::none())
            .no_proxy()
            .timeout(timeout)
            .build()?;
        Ok(Guarded { http, allowed })
    }

    /// A POST request to be completed.
    ///
    /// # Errors
    /// The URL has an address, which may not be reached.
    pub(super) fn post(&self, url: &str) -> Result<RequestBuilder, Refused> {
        // Addresses are not resolved. What is no URL fails when it is sent.
        let url_read = Url::parse(url).ok();
        let host = url_read.as_ref().and_then(Url::host_str).unwrap_or_default();
        if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse() {
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

/// Why there was no answer: without the URL, which may carry a token.
pub(super) fn why(error: reqwest::Error) -> String {
    let error = error.without_url();
    if let Some(explained) = tls::explain(&error, &WEBHOOK) {
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
pub(super) fn refused(error: &reqwest::Error) -> Option<Refused> {
    let mut causes = std::iter::successors(error.source(), |error| (*error).source());
    causes.find_map(|cause| cause.downcast_ref::<Refused>().cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(!why(error).contains("localhost"));
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
