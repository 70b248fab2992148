//! Which IP addresses are of the public network, and which private ones may be reached all the same: of requests whose
//! target somebody else has named. A webhook must not reach what only this network may.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Private addresses that may be reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AllowedPrivate {
    /// None.
    #[default]
    Nothing,
    /// Those that networks of one's own have: loopback, private, shared and unique local ones. Neither link-local ones, where
    /// clouds hand out credentials, nor any that no server has.
    Own,
    /// These networks alone.
    Networks(Vec<Network>),
}

/// A network, in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

/// A kind of address that is not of the public network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Networks of one's own.
    Own(&'static str),
    /// Anything else that is not public.
    Special(&'static str),
}

use Kind::{Own, Special};

/// <https://www.iana.org/assignments/iana-ipv4-special-registry>, and addresses where clouds serve metadata.
const V4: &[(Ipv4Addr, u8, Kind)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, Special("unspecified")),
    (Ipv4Addr::new(10, 0, 0, 0), 8, Own("private")),
    (Ipv4Addr::new(100, 100, 100, 200), 32, Special("metadata")),
    (Ipv4Addr::new(100, 64, 0, 0), 10, Own("shared")),
    (Ipv4Addr::new(127, 0, 0, 0), 8, Own("loopback")),
    (Ipv4Addr::new(168, 63, 129, 16), 32, Special("metadata")),
    (Ipv4Addr::new(169, 254, 0, 0), 16, Special("link-local")),
    (Ipv4Addr::new(172, 16, 0, 0), 12, Own("private")),
    (Ipv4Addr::new(192, 0, 0, 0), 24, Special("reserved")),
    (Ipv4Addr::new(192, 168, 0, 0), 16, Own("private")),
    (Ipv4Addr::new(198, 18, 0, 0), 15, Special("benchmarking")),
    (Ipv4Addr::new(224, 0, 0, 0), 4, Special("multicast")),
    (Ipv4Addr::new(240, 0, 0, 0), 4, Special("reserved")),
];

/// <https://www.iana.org/assignments/iana-ipv6-special-registry>; those with an IPv4 address within are read as that.
const V6: &[(Ipv6Addr, u8, Kind)] = &[
    (Ipv6Addr::UNSPECIFIED, 128, Special("unspecified")),
    (Ipv6Addr::LOCALHOST, 128, Own("loopback")),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, Special("translated")),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64, Special("discarded")),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, Special("reserved")),
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128, Special("metadata")),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, Own("unique local")),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, Special("link-local")),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, Special("site-local")),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, Special("multicast")),
];

impl AllowedPrivate {
    /// Whether an address may be reached.
    ///
    /// # Errors
    /// It may not: what kind of address it is, such as `loopback`.
    pub fn check(&self, address: IpAddr) -> Result<(), &'static str> {
        let address = reached(address);
        let Some(kind) = kind(address) else { return Ok(()) };
        match (self, kind) {
            (AllowedPrivate::Own, Own(_)) => Ok(()),
            (AllowedPrivate::Networks(networks), _)
                if networks.iter().any(|network| network.contains(address)) =>
            {
                Ok(())
            }
            (_, Own(name) | Special(name)) => Err(name),
        }
    }
}

/// `true` ([`AllowedPrivate::Own`]), `false`, or networks separated by commas.
impl FromStr for AllowedPrivate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "" | "false" => Ok(AllowedPrivate::Nothing),
            "true" => Ok(AllowedPrivate::Own),
            networks => {
                let networks: Result<Vec<_>, _> = networks.split(',').map(Network::from_str).collect();
                networks.map(AllowedPrivate::Networks)
            }
        }
    }
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => in_v4(network, self.prefix_bits, address),
            (IpAddr::V6(network), IpAddr::V6(address)) => in_v6(network, self.prefix_bits, address),
            _ => false,
        }
    }
}

/// An address with or without the bits of its prefix, such as `10.20.0.0/16`.
impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let fault = || {
            format!("{text:?} is no network; write true, false, or networks such as 10.20.0.0/16,fd12::/32")
        };
        let (address, prefix) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| fault())?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = prefix.map_or(Ok(bits_max), |bits| bits.parse().map_err(|_| fault()))?;
        if prefix_bits > bits_max {
            return Err(fault());
        }
        Ok(Network { address, prefix_bits })
    }
}

/// The address that packets end up at: IPv6 has several ways to write one of IPv4.
fn reached(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        // :: and ::1 are none.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        // Mapped, compatible, and of the well-known prefix of NAT64.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => of(high, low),
        // 6to4.
        [0x2002, high, low, ..] => of(high, low),
        _ => address,
    }
}

fn kind(address: IpAddr) -> Option<Kind> {
    match address {
        IpAddr::V4(address) => {
            V4.iter().find(|(network, bits, _)| in_v4(*network, *bits, address)).map(|(.., kind)| *kind)
        }
        IpAddr::V6(address) => {
            V6.iter().find(|(network, bits, _)| in_v6(*network, *bits, address)).map(|(.., kind)| *kind)
        }
    }
}

fn in_v4(network: Ipv4Addr, bits: u8, address: Ipv4Addr) -> bool {
    let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
    network.to_bits() & mask == address.to_bits() & mask
}

fn in_v6(network: Ipv6Addr, bits: u8, address: Ipv6Addr) -> bool {
    let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
    network.to_bits() & mask == address.to_bits() & mask
}
