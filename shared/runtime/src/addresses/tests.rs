use super::*;

fn allowed(text: &str) -> AllowedPrivate {
    text.parse().unwrap()
}

fn check(allowed: &AllowedPrivate, address: &str) -> Result<(), &'static str> {
    allowed.check(address.parse().unwrap())
}

#[test]
fn what_is_not_of_the_public_network_is_refused_in_every_form() {
    for (address, kind) in [
        ("127.0.0.1", "loopback"),
        ("127.255.255.255", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::127.0.0.1", "loopback"),
        ("64:ff9b::7f00:1", "loopback"),
        ("2002:7f00:1::", "loopback"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("::ffff:192.168.1.1", "private"),
        ("100.64.0.1", "shared"),
        ("100.100.100.200", "metadata"),
        ("168.63.129.16", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("169.254.169.254", "link-local"),
        ("::ffff:169.254.169.254", "link-local"),
        ("64:ff9b::a9fe:a9fe", "link-local"),
        ("fe80::1", "link-local"),
        ("fc00::1", "unique local"),
        ("fdff::1", "unique local"),
        ("fec0::1", "site-local"),
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"),
        ("::", "unspecified"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("255.255.255.255", "reserved"),
        ("192.0.0.192", "reserved"),
        ("2001::1", "reserved"),
        ("198.18.0.1", "benchmarking"),
        ("64:ff9b:1::1", "translated"),
    ] {
        assert_eq!(check(&AllowedPrivate::Nothing, address), Err(kind), "{address}");
    }
    for address in [
        "1.1.1.1",
        "172.15.0.1",
        "172.32.0.1",
        "100.128.0.1",
        "11.0.0.1",
        "2606:4700::1",
        "2a00::1",
        "::ffff:8.8.8.8",
    ] {
        assert_eq!(check(&AllowedPrivate::Nothing, address), Ok(()), "{address}");
    }
}

#[test]
fn what_is_allowed_is_own_networks_or_the_ones_that_are_named() {
    let own = allowed("true");
    for address in ["127.0.0.1", "10.1.2.3", "::1", "fd12::1", "100.64.0.1"] {
        assert_eq!(check(&own, address), Ok(()), "{address}");
    }
    for address in ["169.254.169.254", "fd00:ec2::254", "fe80::1", "0.0.0.0", "224.0.0.1"] {
        assert!(check(&own, address).is_err(), "{address}");
    }
    let named = allowed(" 10.20.0.0/16, fd12::/32,169.254.1.1 ");
    for address in ["10.20.255.1", "::ffff:10.20.0.1", "fd12:0:1::1", "169.254.1.1", "8.8.8.8"] {
        assert_eq!(check(&named, address), Ok(()), "{address}");
    }
    for address in ["10.21.0.1", "127.0.0.1", "fd13::1", "169.254.1.2"] {
        assert!(check(&named, address).is_err(), "{address}");
    }
    assert_eq!(check(&allowed("0.0.0.0/0"), "127.0.0.1"), Ok(()));
    assert_eq!((allowed(""), allowed("false")), (AllowedPrivate::Nothing, AllowedPrivate::Nothing));
    for odd in ["yes", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/8,", "host.example"] {
        let told = odd.parse::<AllowedPrivate>().unwrap_err();
        assert!(told.contains("10.20.0.0/16"), "{odd}: {told}");
    }
}
