//! Which addresses are special, and therefore out of reach unless the admin has granted them.
//!
//! Sources: the IANA special-purpose address registries (RFC 6890, RFC 8190) and the address ranges of the large clouds'
//! metadata services. Some rows of the registries are marked "globally reachable" (AMT, AS112, the anycast addresses of
//! 2001:1::/32); those inside 192.0.0.0/24 and 2001::/23 are refused with their block all the same, since nothing a
//! connector calls lives there.
//!
//! IPv6 has ways to carry an IPv4 address in disguise. Two of them reach the carried address through ordinary
//! routing, so they are judged by it: IPv4-mapped (`::ffff:0:0/96`) and NAT64's well-known prefix (`64:ff9b::/96`). The
//! others are refused as a class, because no public service needs them: IPv4-compatible, IPv4-translated, local-use NAT64,
//! 6to4, Teredo and ISATAP. What is left must lie in 2000::/3, the only block that is handed out for unicast.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Why an address is out of reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "Display says it")]
pub enum Special {
    ThisNetwork,
    Loopback,
    Private,
    SharedCarrier,
    LinkLocal,
    SiteLocal,
    Metadata,
    Protocol,
    Documentation,
    Benchmark,
    Multicast,
    Broadcast,
    Reserved,
    Discard,
    SegmentRouting,
    SixToFourRelay,
    V4Compatible,
    V4Translated,
    Nat64Local,
    SixToFour,
    Teredo,
    Isatap,
    Orchid,
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ThisNetwork => "an address of \"this network\"",
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::SharedCarrier => "a carrier's shared address",
            Self::LinkLocal => "a link-local address",
            Self::SiteLocal => "a site-local address",
            Self::Metadata => "a cloud metadata address",
            Self::Protocol => "an address set aside for protocols",
            Self::Documentation => "a documentation address",
            Self::Benchmark => "a benchmark address",
            Self::Multicast => "a multicast address",
            Self::Broadcast => "the broadcast address",
            Self::Reserved => "a reserved address",
            Self::Discard => "a discard address",
            Self::SegmentRouting => "a segment-routing address",
            Self::SixToFourRelay => "a 6to4 relay's address",
            Self::V4Compatible => "an IPv4-compatible address",
            Self::V4Translated => "an IPv4-translated address",
            Self::Nat64Local => "a local NAT64 address",
            Self::SixToFour => "a 6to4 address",
            Self::Teredo => "a Teredo address",
            Self::Isatap => "an ISATAP address",
            Self::Orchid => "an ORCHID identifier",
        })
    }
}

/// Says whether the public internet is where this address leads.
pub fn classify(address: IpAddr) -> Result<(), Special> {
    match address {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => classify_v6(v6),
    }
}

/// The IPv4 address that an IPv4-mapped one stands for, else the address itself: grants are compared with this.
pub fn unmapped(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

struct V4Row(u32, u32, Special);
struct V6Row(u128, u32, Special);

/// Asked in order, so that the more exact word comes first.
const V4_TABLE: [V4Row; 20] = [
    V4Row(v4([169, 254, 169, 254]), 32, Special::Metadata),
    V4Row(v4([168, 63, 129, 16]), 32, Special::Metadata),
    V4Row(v4([100, 100, 100, 200]), 32, Special::Metadata),
    V4Row(v4([192, 0, 0, 192]), 32, Special::Metadata),
    V4Row(v4([0, 0, 0, 0]), 8, Special::ThisNetwork),
    V4Row(v4([10, 0, 0, 0]), 8, Special::Private),
    V4Row(v4([100, 64, 0, 0]), 10, Special::SharedCarrier),
    V4Row(v4([127, 0, 0, 0]), 8, Special::Loopback),
    V4Row(v4([169, 254, 0, 0]), 16, Special::LinkLocal),
    V4Row(v4([172, 16, 0, 0]), 12, Special::Private),
    V4Row(v4([192, 0, 0, 0]), 24, Special::Protocol),
    V4Row(v4([192, 0, 2, 0]), 24, Special::Documentation),
    V4Row(v4([192, 88, 99, 0]), 24, Special::SixToFourRelay),
    V4Row(v4([192, 168, 0, 0]), 16, Special::Private),
    V4Row(v4([198, 18, 0, 0]), 15, Special::Benchmark),
    V4Row(v4([198, 51, 100, 0]), 24, Special::Documentation),
    V4Row(v4([203, 0, 113, 0]), 24, Special::Documentation),
    V4Row(v4([224, 0, 0, 0]), 4, Special::Multicast),
    V4Row(v4([255, 255, 255, 255]), 32, Special::Broadcast),
    V4Row(v4([240, 0, 0, 0]), 4, Special::Reserved),
];

const V6_TABLE: [V6Row; 22] = [
    V6Row(0xfd00_0ec2_0000_0000_0000_0000_0000_0254, 128, Special::Metadata),
    V6Row(0xfd20_00ce_0000_0000_0000_0000_0000_0254, 128, Special::Metadata),
    V6Row(0, 128, Special::ThisNetwork),
    V6Row(1, 128, Special::Loopback),
    V6Row(0, 96, Special::V4Compatible),
    V6Row(v6([0, 0, 0, 0, 0xffff, 0, 0, 0]), 96, Special::V4Translated),
    V6Row(v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0]), 48, Special::Nat64Local),
    V6Row(v6([0x100, 0, 0, 0, 0, 0, 0, 0]), 64, Special::Discard),
    V6Row(v6([0x100, 0, 0, 1, 0, 0, 0, 0]), 64, Special::Discard),
    V6Row(v6([0x2001, 0, 0, 0, 0, 0, 0, 0]), 32, Special::Teredo),
    V6Row(v6([0x2001, 2, 0, 0, 0, 0, 0, 0]), 48, Special::Benchmark),
    V6Row(v6([0x2001, 0x10, 0, 0, 0, 0, 0, 0]), 28, Special::Orchid),
    V6Row(v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0]), 28, Special::Orchid),
    V6Row(v6([0x2001, 0, 0, 0, 0, 0, 0, 0]), 23, Special::Protocol),
    V6Row(v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0]), 32, Special::Documentation),
    V6Row(v6([0x2002, 0, 0, 0, 0, 0, 0, 0]), 16, Special::SixToFour),
    V6Row(v6([0x3fff, 0, 0, 0, 0, 0, 0, 0]), 20, Special::Documentation),
    V6Row(v6([0x5f00, 0, 0, 0, 0, 0, 0, 0]), 16, Special::SegmentRouting),
    V6Row(v6([0xfc00, 0, 0, 0, 0, 0, 0, 0]), 7, Special::Private),
    V6Row(v6([0xfe80, 0, 0, 0, 0, 0, 0, 0]), 10, Special::LinkLocal),
    V6Row(v6([0xfec0, 0, 0, 0, 0, 0, 0, 0]), 10, Special::SiteLocal),
    V6Row(v6([0xff00, 0, 0, 0, 0, 0, 0, 0]), 8, Special::Multicast),
];

const MAPPED: u128 = v6([0, 0, 0, 0, 0, 0xffff, 0, 0]);
const NAT64_WELL_KNOWN: u128 = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0]);
const GLOBAL_UNICAST: u128 = v6([0x2000, 0, 0, 0, 0, 0, 0, 0]);

fn classify_v4(address: Ipv4Addr) -> Result<(), Special> {
    let bits = address.to_bits();
    match V4_TABLE.iter().find(|V4Row(network, prefix, _)| bits >> (32 - prefix) == network >> (32 - prefix)) {
        Some(V4Row(_, _, special)) => Err(*special),
        None => Ok(()),
    }
}

fn classify_v6(address: Ipv6Addr) -> Result<(), Special> {
    let bits = address.to_bits();
    let within = |network: u128, prefix: u32| bits >> (128 - prefix) == network >> (128 - prefix);
    if within(MAPPED, 96) || within(NAT64_WELL_KNOWN, 96) {
        // The low 32 bits are the address that is really reached.
        return classify_v4(Ipv4Addr::from_bits(bits as u32));
    }
    if let Some(V6Row(_, _, special)) = V6_TABLE.iter().find(|V6Row(network, prefix, _)| within(*network, *prefix)) {
        return Err(*special);
    }
    // RFC 5214: an interface identifier of 0000:5efe or 0200:5efe and an IPv4 address, under any prefix.
    if matches!((bits >> 32) as u32, 0x0000_5efe | 0x0200_5efe) {
        return Err(Special::Isatap);
    }
    if !within(GLOBAL_UNICAST, 3) {
        return Err(Special::Reserved);
    }
    Ok(())
}

const fn v4(octets: [u8; 4]) -> u32 {
    u32::from_be_bytes(octets)
}

const fn v6(segments: [u16; 8]) -> u128 {
    let mut bits = 0;
    let mut at = 0;
    while at < 8 {
        bits = bits << 16 | segments[at] as u128;
        at += 1;
    }
    bits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// First and last address of every row of the IANA registries that is not globally reachable, the clouds' metadata
    /// services, and the disguises of those.
    #[test]
    fn special_addresses_are_named() {
        use Special::*;
        for (address, special) in [
            ("0.0.0.0", ThisNetwork),
            ("0.255.255.255", ThisNetwork),
            ("10.0.0.0", Private),
            ("10.255.255.255", Private),
            ("100.64.0.0", SharedCarrier),
            ("100.127.255.255", SharedCarrier),
            ("100.100.100.200", Metadata),
            ("127.0.0.1", Loopback),
            ("127.255.255.255", Loopback),
            ("169.254.0.1", LinkLocal),
            ("169.254.169.254", Metadata),
            ("168.63.129.16", Metadata),
            ("172.16.0.0", Private),
            ("172.31.255.255", Private),
            ("192.0.0.0", Protocol),
            ("192.0.0.170", Protocol),
            ("192.0.0.192", Metadata),
            ("192.0.0.255", Protocol),
            ("192.0.2.1", Documentation),
            ("198.51.100.7", Documentation),
            ("203.0.113.255", Documentation),
            ("192.88.99.1", SixToFourRelay),
            ("192.168.0.0", Private),
            ("192.168.255.255", Private),
            ("198.18.0.0", Benchmark),
            ("198.19.255.255", Benchmark),
            ("224.0.0.1", Multicast),
            ("239.255.255.255", Multicast),
            ("240.0.0.0", Reserved),
            ("255.255.255.254", Reserved),
            ("255.255.255.255", Broadcast),
            ("::", ThisNetwork),
            ("::1", Loopback),
            ("::2", V4Compatible),
            ("::8.8.8.8", V4Compatible),
            ("::ffff:127.0.0.1", Loopback),
            ("::ffff:10.1.2.3", Private),
            ("::ffff:169.254.169.254", Metadata),
            ("::ffff:0:127.0.0.1", V4Translated),
            ("::ffff:0:8.8.8.8", V4Translated),
            ("64:ff9b::10.0.0.1", Private),
            ("64:ff9b::169.254.169.254", Metadata),
            ("64:ff9b::", ThisNetwork),
            ("64:ff9b:1::8.8.8.8", Nat64Local),
            ("64:ff9b:1:ffff:ffff:ffff:ffff:ffff", Nat64Local),
            ("64:ff9b:0:0:0:1::", Reserved),
            ("64:ff9b:2::1", Reserved),
            ("100::", Discard),
            ("100::ffff:ffff:ffff:ffff", Discard),
            ("100:0:0:1::1", Discard),
            ("100:0:0:2::", Reserved),
            ("2001::1", Teredo),
            ("2001:0:ffff::1", Teredo),
            ("2001:1::1", Protocol),
            ("2001:1ff:ffff::", Protocol),
            ("2001:2::1", Benchmark),
            ("2001:10::", Orchid),
            ("2001:2f:ffff::1", Orchid),
            ("2001:3f::", Protocol),
            ("2001:db8::1", Documentation),
            ("3fff::1", Documentation),
            ("3fff:fff:ffff::", Documentation),
            ("2002:7f00:1::", SixToFour),
            ("2002:808:808::1", SixToFour),
            ("5f00::1", SegmentRouting),
            ("4000::1", Reserved),
            ("e000::1", Reserved),
            ("1::1", Reserved),
            ("fc00::1", Private),
            ("fdff:ffff::1", Private),
            ("fd00:ec2::254", Metadata),
            ("fd20:ce::254", Metadata),
            ("fe80::1", LinkLocal),
            ("febf::1", LinkLocal),
            ("fec0::1", SiteLocal),
            ("feff::1", SiteLocal),
            ("ff02::1", Multicast),
            ("fe00::1", Reserved),
            ("2a00:1450::5efe:10.0.0.1", Isatap),
            ("2a00:1450::200:5efe:8.8.8.8", Isatap),
        ] {
            assert_eq!(classify(address.parse().unwrap()), Err(special), "{address}");
        }
    }

    #[test]
    fn public_addresses_pass() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.3.0",
            "192.88.98.255",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "203.0.112.255",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2001:db7::1",
            "2001:db9::1",
            "2003::1",
            "2606:4700:4700::1111",
            "2620:4f:8000::1",
            "3ffe::1",
        ] {
            assert_eq!(classify(address.parse().unwrap()), Ok(()), "{address}");
        }
    }

    proptest! {
        #[test]
        fn a_disguise_never_passes_where_the_address_within_does_not(bits: u32) {
            let plain = Ipv4Addr::from_bits(bits);
            let judged = classify(plain.into());
            for prefix in [MAPPED, NAT64_WELL_KNOWN] {
                prop_assert_eq!(classify(Ipv6Addr::from_bits(prefix | u128::from(bits)).into()), judged);
            }
            let [a, b] = [(bits >> 16) as u16, bits as u16];
            for disguise in [
                Ipv6Addr::new(0, 0, 0, 0, 0, 0, a, b),
                Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, a, b),
                Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, a, b),
                Ipv6Addr::new(0x2002, a, b, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, a, b, 0, 0, !a, !b),
                Ipv6Addr::new(0x2a00, 1, 2, 3, 0, 0x5efe, a, b),
            ] {
                prop_assert!(classify(disguise.into()).is_err(), "{} passed", disguise);
            }
        }

        /// The standard library's own notions, where it has stable ones, are a lower bound.
        #[test]
        fn what_the_standard_library_calls_special_is_special(bits: u32, wide: u128) {
            let v4 = Ipv4Addr::from_bits(bits);
            if v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast() || v4.is_broadcast()
                || v4.is_documentation() || v4.is_unspecified()
            {
                prop_assert!(classify(v4.into()).is_err());
            }
            let v6 = Ipv6Addr::from_bits(wide);
            if v6.is_loopback() || v6.is_multicast() || v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_unspecified() {
                prop_assert!(classify(v6.into()).is_err());
            }
        }
    }
}
