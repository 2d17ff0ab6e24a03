//! A private Redis server: it starts, is killed and restarted, and leaves nothing behind.

use crate::cli::{Place, Running, SMALL};
use crate::redis_support;

use deadheat::engine::{RedisServer, RedisServerError};
use deadheat::strategy::redis::{RedisClient, RedisErrorKind, Store};
use redis_support::{block_on, process_id, running, until};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

fn folder_of(server: &RedisServer) -> PathBuf {
    let url = server.url();
    let socket = Path::new(url.strip_prefix("redis+unix://").expect("the address of a socket"));
    socket.parent().expect("a folder").to_owned()
}

#[test]
fn it_starts_is_private_and_ends_when_it_is_dropped() {
    use std::os::unix::fs::PermissionsExt;
    let server = RedisServer::spawn().expect("a server");
    let folder = folder_of(&server);
    let mode = folder.metadata().expect("its folder").permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "others can enter {}", folder.display());
    let process = process_id(&server.url());
    assert!(running(process));
    drop(server);
    assert!(!running(process), "the server outlived its owner");
    assert!(!folder.exists(), "{} was left behind", folder.display());
}

#[test]
fn two_servers_are_apart() {
    let (one, other) = (RedisServer::spawn().expect("a server"), RedisServer::spawn().expect("a server"));
    assert_ne!(one.url(), other.url());
    let store = |server: &RedisServer| Store::new(RedisClient::new(&server.url()).expect("a client"), "t:");
    block_on(async {
        store(&one).put(1, "one", HOUR).await.expect("a put");
        assert_eq!(store(&other).get(1).await.expect("an answer"), None);
        assert_eq!(store(&one).get(1).await.expect("an answer").as_deref(), Some("one"));
    });
}

#[test]
fn killed_it_refuses_and_restarted_it_is_empty_at_the_same_address() {
    let mut server = RedisServer::spawn().expect("a server");
    let url = server.url();
    let client = RedisClient::new(&url).expect("a client");
    let store = Store::new(client.clone(), "t:");
    block_on(async {
        store.put(1, "kept", HOUR).await.expect("a put");
        let process = process_id(&url);
        server.kill();
        assert!(!running(process), "killed, and still there");
        // The connection that was there breaks, and with it what was asked; then there is none.
        let broken = store.get(1).await.expect_err("the server is dead").kind();
        assert!([RedisErrorKind::Unknown, RedisErrorKind::Unreachable].contains(&broken), "{broken:?}");
        let gone = store.get(1).await.expect_err("the server is dead").kind();
        assert_eq!(gone, RedisErrorKind::Unreachable);
        server.kill();
        server.restart_empty().expect("a restart");
        assert_eq!(server.url(), url);
        assert_eq!(store.get(1).await.expect("a new connection"), None, "it was to be empty");
        store.put(1, "new", HOUR).await.expect("a put");
        server.restart_empty().expect("a restart of one that runs");
        // One call finds the connection broken, the next one makes another.
        let mut calls = 0;
        let value = until(async || {
            calls += 1;
            store.get(1).await.ok()
        });
        assert_eq!(value.await, None);
        assert!(calls <= 2, "{calls} calls to reconnect");
    });
}

#[test]
fn without_a_redis_server_the_error_names_the_package() {
    let empty = tempfile::tempdir().expect("a folder");
    let error = RedisServer::spawn_found_in(empty.path().as_os_str()).expect_err("no server there");
    assert!(matches!(error, RedisServerError::NotInstalled));
    assert_eq!(
        error.to_string(),
        "redis-server is not installed; install it (Debian: apt-get install redis-server) or give the URL \
         of your own: redis = \"redis://…\""
    );
}

#[test]
fn a_server_that_ends_at_once_is_quoted() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let fake = folder.path().join("redis-server");
    std::fs::write(&fake, "#!/bin/sh\ncat >/dev/null\necho 'Fatal: no memory today'\n").expect("a file");
    std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let error = RedisServer::spawn_found_in(folder.path().as_os_str()).expect_err("no server there");
    let text = error.to_string();
    assert!(
        text.contains("ended while it started; the last line of its log: Fatal: no memory today"),
        "{text}"
    );
    assert!(text.starts_with(&fake.display().to_string()), "{text}");
}

/// A run with a server of its own, as a process that can be killed.
#[test]
fn it_ends_even_when_its_owner_is_killed() {
    let place = Place::new();
    let spawned = "[strategy.redis-lock]\npermits = 3\nredis = \"spawn\"\n";
    let endless = SMALL.replace("constant = \"10ms\"", "constant = \"1h\"");
    place.write("endless.toml", &endless.replace("[strategy.semaphore]\npermits = 3\n", spawned));
    let folders = place.path("tmp");
    std::fs::create_dir(&folders).expect("a folder");
    let mut run = place.command(&["run", "endless.toml"]);
    run.env("TMPDIR", &folders).stdout(Stdio::null()).stderr(Stdio::null());
    let mut run = Running(run.spawn().expect("it starts"));

    let socket = block_on(until(async || {
        let mut entries = std::fs::read_dir(&folders).expect("a folder");
        entries.find_map(|entry| {
            let socket = entry.expect("an entry").path().join("redis.sock");
            socket.exists().then_some(socket)
        })
    }));
    let process = process_id(&format!("redis+unix://{}", socket.display()));
    assert!(running(process));
    run.0.kill().expect("SIGKILL");
    run.0.wait().expect("its end");
    let folder = socket.parent().expect("a folder");
    block_on(until(async || (!running(process) && !folder.exists()).then_some(())));
}
