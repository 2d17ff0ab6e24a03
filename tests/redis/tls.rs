//! `rediss://`: a Redis server behind TLS, with an authority of the test's own.

use crate::cli::{Place, Ran, SMALL};
use crate::redis_support;

use deadheat::strategy::redis::{Locks, RedisClient, RedisErrorKind};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use redis_support::{PortServer, block_on};
use std::path::Path;
use std::time::Duration;

const SECRET: &str = "behind-tls";

/// Writes an authority, and a certificate for 127.0.0.1 that it signed.
fn certify(folder: &Path) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = params.self_signed(&key).expect("an authority");
    let issuer = Issuer::new(params, key);
    let server_key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
    let certificate = server.signed_by(&server_key, &issuer).expect("a certificate");
    for (name, text) in [
        ("authority.pem", authority.pem()),
        ("server.pem", certificate.pem()),
        ("server.key", server_key.serialize_pem()),
    ] {
        std::fs::write(folder.join(name), text).expect("a file");
    }
}

#[test]
fn tls_is_spoken_with_a_server_that_is_trusted_and_with_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    certify(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let server = PortServer::start(|port| {
        let port = port.to_string();
        let (authority, certificate, key) = (file("authority.pem"), file("server.pem"), file("server.key"));
        [
            ["--port", "0"],
            ["--tls-port", &port],
            ["--tls-ca-cert-file", &authority],
            ["--tls-cert-file", &certificate],
            ["--tls-key-file", &key],
            ["--tls-auth-clients", "no"],
            ["--requirepass", SECRET],
        ]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect()
    });
    let url = format!("rediss://:{SECRET}@127.0.0.1:{}", server.port);
    let place = Place::new();
    let lock = "[strategy.redis-lock]\npermits = 3\nredis = \"${DEADHEAT_TEST_REDISS}\"\n";
    place.write("tls.toml", &SMALL.replace("[strategy.semaphore]\npermits = 3\n", lock));
    let mut run = place.command(&["run", "tls.toml", "--quiet"]);
    run.env("DEADHEAT_TEST_REDISS", &url).env("SSL_CERT_FILE", file("authority.pem"));
    Ran::from(run.output().expect("it starts")).exits(0);

    // This process trusts what the system trusts, which is not that authority.
    let locks = Locks::new(RedisClient::new(&url).expect("a client"), "t:");
    let refused =
        block_on(locks.acquire("a", "one", Duration::from_secs(60))).expect_err("an unknown authority");
    assert_eq!(refused.kind(), RedisErrorKind::Unreachable, "{refused}");
    assert!(!refused.to_string().contains(SECRET), "{refused}");
    assert!(refused.to_string().contains("SSL_CERT_FILE"), "{refused}");
    // And without TLS nothing is said to it either.
    let plain = RedisClient::new(&url.replace("rediss", "redis")).expect("a client");
    plain.ping().expect_err("no TLS");
}
