//! Where a server of the database is, as its URL says, and in the errors of connections to it.

use std::fmt;
use std::str::FromStr;

use runtime::server_url::UrlForm;
use runtime::tls::authorities_file;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

use crate::error::StoreError;
use crate::failure::Failure;

const FORM: UrlForm = UrlForm {
    schemes: &["mysql", "mariadb"],
    example: "mysql://USER:PASSWORD@HOST:PORT/NAME",
    parameters: &[
        "ssl-mode",
        "sslmode",
        "ssl-ca",
        "sslca",
        "ssl-cert",
        "sslcert",
        "ssl-key",
        "sslkey",
        "charset",
        "collation",
        "statement-cache-capacity",
        "socket",
        "timezone",
        "time-zone",
    ],
    instead_of_host: Some("socket"),
};

/// Where a server is, without credentials; for messages.
#[derive(Debug, Clone)]
pub(crate) struct Address(String);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads the URL that `setting` holds.
///
/// # Errors
/// It is none, or a part of it would be passed over.
pub(crate) fn read(setting: &'static str, url: &str) -> Result<(MySqlConnectOptions, Address), StoreError> {
    let host = FORM.host(setting, url).map_err(|error| StoreError::Permanent(error.to_string()))?;
    let options = MySqlConnectOptions::from_str(url.trim()).map_err(|error| {
        StoreError::Permanent(format!("{setting} cannot be used: {error}; write {}", FORM.example))
    })?;
    // The client would look an IPv6 address up by its name, brackets and all.
    let options = match &host {
        Some(host) => options.host(host.as_str()),
        None => options,
    };
    let options = verified(options, url);
    let address = match (options.get_socket(), host) {
        (Some(socket), _) => socket.display().to_string(),
        (None, Some(host)) => format!("{host}:{}", options.get_port()),
        (None, None) => format!("{}:{}", options.get_host(), options.get_port()),
    };
    Ok((options, Address(address)))
}

/// With the authorities of `TLS_CA`, by which the server is verified unless the URL says otherwise. As with MySQL's own
/// clients, authorities in the URL verify the server too.
fn verified(options: MySqlConnectOptions, url: &str) -> MySqlConnectOptions {
    let says_mode = UrlForm::has_parameter(url, &["ssl-mode", "sslmode"]);
    if UrlForm::has_parameter(url, &["ssl-ca", "sslca"]) {
        return if says_mode { options } else { options.ssl_mode(MySqlSslMode::VerifyCa) };
    }
    let Some(authorities) = authorities_file() else { return options };
    let options = options.ssl_ca(authorities);
    // What goes through a socket's file stays on this machine, and reaches no name.
    if says_mode || options.get_socket().is_some() {
        return options;
    }
    options.ssl_mode(MySqlSslMode::VerifyIdentity)
}

/// What may be read or changed on the way to a server of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// Nothing is encrypted.
    Plain,
    /// It is encrypted if the server offers that, and the server is not verified.
    Unverified,
}

/// What is exposed on the way to the server of this URL, and its address; `None`: nothing, or it does not leave this
/// machine, or the URL cannot be read.
pub fn exposure(setting: &'static str, url: &str) -> Option<(Exposure, String)> {
    let host = FORM.host(setting, url).ok()??;
    let (options, address) = read(setting, url).ok()?;
    if host.is_loopback() || options.get_socket().is_some() {
        return None;
    }
    let exposure = match options.get_ssl_mode() {
        MySqlSslMode::Disabled => Exposure::Plain,
        MySqlSslMode::Preferred | MySqlSslMode::Required => Exposure::Unverified,
        MySqlSslMode::VerifyCa | MySqlSslMode::VerifyIdentity => return None,
    };
    Some((exposure, address.to_string()))
}

impl Address {
    /// The failure of a connection, with where it was to go.
    pub(super) fn named_in(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Transient(why) => Failure::Transient(format!("{why} (the database at {self})")),
            Failure::ReadOnly(why) => Failure::ReadOnly(format!("{why} (the database at {self})")),
            Failure::ShutOut(why) => Failure::ShutOut(format!("{why} (the database at {self})")),
            Failure::Permanent(why) => Failure::Permanent(format!("{why} (the database at {self})")),
            failure => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_at_the_address_that_was_written() {
        for (url, host, address) in [
            ("mysql://root@[::1]:3306/x", "::1", "[::1]:3306"),
            ("mysql://root@[2001:db8::1]/x", "2001:db8::1", "[2001:db8::1]:3306"),
            ("mysql://root@192.0.2.1:3307/x", "192.0.2.1", "192.0.2.1:3307"),
            ("mariadb://u:p%40@db.example/x?ssl-mode=REQUIRED", "db.example", "db.example:3306"),
            ("mysql://root@h/x?socket=/run/s", "h", "/run/s"),
            ("mysql:///x?socket=/run/s", "localhost", "/run/s"),
        ] {
            let (options, found) = read("DATABASE_URL", url).unwrap();
            assert_eq!((options.get_host(), found.to_string().as_str()), (host, address), "{url}");
        }
        let (_, address) = read("DATABASE_URL", "mysql://root@[::1]:1/x").unwrap();
        let told = address.named_in(Failure::Transient("refused".to_owned())).to_string();
        assert!(told.contains("[::1]:1"), "{told}");
    }

    #[test]
    fn authorities_in_the_url_verify_the_server() {
        let mode = |query: &str| {
            let (options, _) = read("DATABASE_URL", &format!("mysql://root@db.example/x{query}")).unwrap();
            options.get_ssl_mode()
        };
        assert!(matches!(mode(""), MySqlSslMode::Preferred));
        assert!(matches!(mode("?ssl-ca=ca.pem"), MySqlSslMode::VerifyCa));
        assert!(matches!(mode("?ssl-ca=ca.pem&ssl-mode=REQUIRED"), MySqlSslMode::Required));
    }

    #[test]
    fn what_is_exposed_on_the_way_to_another_machine_is_known() {
        let exposed = |url: &str| exposure("DATABASE_URL", url).map(|(exposure, _)| exposure);
        assert_eq!(exposed("mysql://u@db.example/x?ssl-mode=DISABLED"), Some(Exposure::Plain));
        assert_eq!(exposed("mysql://u@db.example/x"), Some(Exposure::Unverified));
        assert_eq!(exposed("mysql://u@db.example/x?ssl-mode=VERIFY_IDENTITY"), None);
        for here in ["localhost", "127.0.0.9", "[::1]", "db.example"] {
            let socket = if here == "db.example" { "&socket=/run/s" } else { "" };
            assert_eq!(exposed(&format!("mysql://u@{here}/x?ssl-mode=DISABLED{socket}")), None, "{here}");
        }
    }

    #[test]
    fn what_its_client_would_pass_over_is_refused_by_the_name_of_the_setting() {
        for url in [
            "mysql:///x",
            "mysql://u:s3cret@/x",
            "postgres://u:s3cret@h/x",
            "mysql://u:s3cret@[fe80::1%25eth0]/x",
            "mysql://u:s3cret@h/x?sslmod=REQUIRED",
            "mysql://u:s3cret@h/x?ssl-mode=SOMETIMES",
            "mysql://u:12#s3cret@h/x",
        ] {
            let told = read("DATABASE_READONLY_URL", url).unwrap_err().to_string();
            assert!(told.contains("DATABASE_READONLY_URL cannot be used"), "{url}: {told}");
            assert!(
                told.contains("mysql://") || told.contains("write") || told.contains("remove"),
                "{url}: {told}"
            );
            assert!(!told.contains("s3cret"), "{url}: {told}");
        }
    }
}
