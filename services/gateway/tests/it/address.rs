//! Which address counts as the client's.

use std::net::IpAddr;

use domain::id::hex;

use crate::world::{Answer, EVENTS, SESSION, World};

const SECRET: &str = "a-forwarders-secret";

fn key(world: &World, ip: &str) -> String {
    let bits = match ip.parse().unwrap() {
        IpAddr::V4(ip) => world.keys.derive("ip", &ip.octets()),
        IpAddr::V6(ip) => world.keys.derive("ip", &ip.octets()[..8]),
    };
    hex(&bits)
}

#[track_caller]
fn assert_seen_as(world: &World, ip: &str) {
    let seen = world.backend.notes().creates.last().unwrap().caller.as_ref().unwrap().ip_key.clone();
    assert_eq!(seen, key(world, ip), "{ip}");
}

async fn call(world: &World, headers: &[(&str, &str)]) {
    let request =
        headers.iter().fold(world.post(SESSION, "{}"), |call, (name, value)| call.header(*name, *value));
    assert_eq!(Answer::of(request).await.status, 200);
}

#[tokio::test]
async fn without_proxies_the_peer_counts() {
    let world = World::start().await;
    call(&world, &[]).await;
    assert_seen_as(&world, "127.0.0.1");
    call(&world, &[("x-forwarded-for", "192.0.2.1")]).await;
    assert_seen_as(&world, "127.0.0.1");
}

#[tokio::test]
async fn a_spoofed_entry_never_counts() {
    for (hops, seen) in [("1", "192.0.2.2"), ("2", "192.0.2.1"), ("5", "127.0.0.1")] {
        let world = World::with(&[("TRUSTED_PROXY_HOPS", hops)]).await;
        call(&world, &[("x-forwarded-for", "6.6.6.6, 192.0.2.1, 192.0.2.2")]).await;
        assert_seen_as(&world, seen);
        call(&world, &[("x-forwarded-for", "6.6.6.6, 192.0.2.1"), ("x-forwarded-for", "192.0.2.2:443")])
            .await;
        assert_seen_as(&world, seen);
    }
}

#[tokio::test]
async fn a_forwarder_adds_a_hop() {
    let world = World::with(&[("TRUSTED_PROXY_HOPS", "1"), ("FORWARDER_SECRET", SECRET)]).await;
    let line = ("x-forwarded-for", "192.0.2.1, 192.0.2.2");
    call(&world, &[line]).await;
    assert_seen_as(&world, "192.0.2.2");
    call(&world, &[line, ("x-frontdesk-forwarder", "a-forwarders-guess!")]).await;
    assert_seen_as(&world, "192.0.2.2");
    call(&world, &[line, ("x-frontdesk-forwarder", SECRET)]).await;
    assert_seen_as(&world, "192.0.2.1");
}

#[tokio::test]
async fn an_ipv6_network_is_one_client() {
    let world = World::with(&[("TRUSTED_PROXY_HOPS", "1")]).await;
    call(&world, &[("x-forwarded-for", "2001:db8:0:1::1")]).await;
    assert_seen_as(&world, "2001:db8:0:1::");
    call(&world, &[("x-forwarded-for", "[2001:db8:0:1:ffff::9]:1234")]).await;
    assert_seen_as(&world, "2001:db8:0:1::");
    call(&world, &[("x-forwarded-for", "::ffff:192.0.2.1")]).await;
    assert_seen_as(&world, "192.0.2.1");
}

#[tokio::test]
async fn loopback_is_this_machine_and_nothing_between() {
    let world = World::start().await;
    for (headers, local) in [
        (&[][..], true),
        (&[("x-forwarded-for", "127.0.0.1")][..], false),
        (&[("forwarded", "for=127.0.0.1")][..], false),
        (&[("x-forwarded-host", "localhost")][..], false),
        (&[("x-forwarded-proto", "https")][..], false),
        (&[("x-real-ip", "127.0.0.1")][..], false),
        (&[("via", "1.1 proxy")][..], false),
        (&[("x-frontdesk-forwarder", "")][..], false),
        (&[("host", "localhost:8080")][..], true),
        (&[("host", "[::1]:8080")][..], true),
        (&[("host", "evil.example")][..], false),
        (&[("host", "localhost.evil.example:8080")][..], false),
        (&[("host", "evil.example"), ("origin", "http://evil.example")][..], false),
        (&[("origin", "http://localhost:3000")][..], true),
        (&[("origin", "https://evil.example")][..], false),
        (&[("origin", "null")][..], false),
    ] {
        let request =
            headers.iter().fold(world.post(EVENTS, "{}"), |call, (name, value)| call.header(*name, *value));
        assert_eq!(Answer::of(request).await.status, 202);
        assert_eq!(world.backend.notes().ingests.last().unwrap().from_loopback, local, "{headers:?}");
    }
}

#[tokio::test]
async fn behind_a_public_address_nobody_is_this_machine() {
    for (public, local) in [
        ("https://chat.example.com", false),
        ("http://localhost.evil.example:8080", false),
        ("http://localhost:8080", true),
        ("http://127.0.0.1:8080", true),
    ] {
        let world = World::with(&[("PUBLIC_BASE_URL", public)]).await;
        assert_eq!(Answer::of(world.post(EVENTS, "{}")).await.status, 202);
        assert_eq!(world.backend.notes().ingests[0].from_loopback, local, "{public}");
    }
}
