use super::*;

const FORM: UrlForm = UrlForm {
    schemes: &["amqp", "amqps"],
    example: "amqp://user:password@host:5672/vhost",
    parameters: &["heartbeat", "socket"],
    instead_of_host: Some("socket"),
};

fn read(text: &str) -> Result<Option<String>, String> {
    let host = FORM.host("AMQP_URL", text).map_err(|error| error.to_string())?;
    Ok(host.map(|host| format!("{} {host}", host.as_str())))
}

#[test]
fn an_address_is_the_one_that_was_written() {
    for (url, host) in [
        ("amqp://[2001:db8::1]:5672/%2f", "2001:db8::1 [2001:db8::1]"),
        ("amqps://guest:guest@[::1]", "::1 [::1]"),
        ("amqp://[::ffff:192.0.2.1]/v", "::ffff:192.0.2.1 [::ffff:192.0.2.1]"),
        ("amqp://[2001:0DB8:0:0:0:0:0:1]/v", "2001:db8::1 [2001:db8::1]"),
        ("amqp://192.0.2.1:5672", "192.0.2.1 192.0.2.1"),
        (
            "amqp://u:p%40%2F@broker-1.my_bank.example:5672/a/b?heartbeat=9",
            "broker-1.my_bank.example broker-1.my_bank.example",
        ),
        ("amqp://u:p@ss@ho%61st\n", "hoast hoast"),
        ("amqp://4bd2.example", "4bd2.example 4bd2.example"),
    ] {
        assert_eq!(read(url).unwrap().as_deref(), Some(host), "{url}");
    }
    assert_eq!(read("amqp:///v?socket=/run/s"), Ok(None));
}

#[test]
fn what_is_not_understood_is_refused_with_its_remedy_and_without_the_password() {
    for (url, said) in [
        ("amqp://", "no host"),
        ("amqp:///v", "no host"),
        ("amqp:/h/v", "no host"),
        ("amqp://u:s3cret@/v", "no host"),
        ("amqp://u:s3cret@:5672/v", "no host"),
        ("", "amqp://"),
        ("s3cret", "amqp://"),
        ("broker:5672", "amqp://"),
        ("http://u:s3cret@h/v", "amqp://"),
        ("amqp://u:s3cret@[fe80::1%25eth0]/v", "zone"),
        ("amqp://u:s3cret@[fe80::1%eth0]/v", "zone"),
        ("amqp://u:s3cret@[]/v", "IPv6"),
        ("amqp://u:s3cret@[127.0.0.1]/v", "IPv6"),
        ("amqp://u:s3cret@2001:db8::1:5672/v", "brackets"),
        ("amqp://u:s3cret@::1/v", "brackets"),
        ("amqp://u:s3cret@%5B::1%5D/v", "brackets"),
        ("amqp://u:s3cret@%5B%3A%3A1%5D/v", "'['"),
        ("amqp://u:s3cret@h:70000/v", "port"),
        ("amqp://u:s3cret@a:5672,b:5672/v", "one host"),
        ("amqp://u:s3cret@a,b/v", "','"),
        ("amqp://u:s3cret@ho\nst/v", "line break"),
        ("amqp://u:s3cret@ho%0Ast/v", "'\\n'"),
        ("amqp://u:s3cret@ho%FFst/v", "UTF-8"),
        ("amqp://u:s3cret@10.1/v", "10.1"),
        ("amqp://u:s3cret@010.0.0.1/v", "010.0.0.1"),
        ("amqp://u:s3cret@300.0.0.1/v", "300.0.0.1"),
        ("amqp://u:s3cret@0x7f000001/v", "IPv4"),
        ("amqp://u:12/s3cret@h/v", "two readings"),
        ("amqp://u:12#s3cret@h/v", "two readings"),
        ("amqp://u:12?s3cret@h/v", "two readings"),
        ("amqp://u:s3cret@h/v#", "two readings"),
        ("amqps://u:s3cret@h/v?cacertfile=ca.pem", "TLS_CA"),
        ("amqps://u:s3cret@h/v?verify=verify_none", "verify"),
        ("amqp://u:s3cret@h/v?Heartbeat=3", "Heartbeat"),
        ("amqp://u:s3cret@h/v?s3cret", "can be shown"),
        ("amqp://u:s3cret@h/v?heartbeat=3&heartbeat=4", "twice"),
    ] {
        let told = read(url).unwrap_err();
        assert!(told.starts_with("AMQP_URL cannot be used: it"), "{url:?}: {told}");
        assert!(told.contains(said) && !told.contains("s3cret"), "{url:?}: {told}");
    }
}

#[test]
fn the_url_of_an_ingress_has_a_scheme_and_a_host_and_ends_with_its_path() {
    for url in
        ["http://127.0.0.1:8080", "http://[::1]:8080/", "http://bank.example/tellers", "https://bank.example"]
    {
        assert_eq!(http_base(url).as_deref(), Ok(url));
    }
    for url in [
        "",
        "localhost:8080",
        "127.0.0.1:8080",
        "https://",
        "ftp://h",
        "http://",
        "http://h/?a=b",
        "http://h/#",
        "http://[::1%25eth0]:1",
    ] {
        assert!(http_base(url).is_err(), "{url}");
    }
    assert!(http_url("http://h/readyz?verbose").is_ok() && http_url("localhost:8080/readyz").is_err());
}
