//! The URL of a real endpoint: its variables, and what may not stand in it.

use super::load::Env;
use crate::plan::ExpandedUrl;
use crate::units::text::is_env_name;

/// What is wrong with a URL and what to write; never any part of the URL itself, which may hold a secret.
type Wrong = (String, String);

/// The URL with each `${VARIABLE}` replaced; with no `env` they stay.
pub(super) fn expand(url: &str, env: Option<Env<'_>>) -> Result<ExpandedUrl, Wrong> {
    let mut values = Vec::new();
    let expanded = variables(url, env, &mut values)?;
    check(&expanded, env.is_none())?;
    Ok(ExpandedUrl::new(expanded, values))
}

/// The URL of a Redis. Unlike an endpoint's it may hold a user and a password, but the password only by a
/// variable: what stands in a file is no secret.
pub(super) fn expand_redis(url: &str, env: Option<Env<'_>>) -> Result<ExpandedUrl, Wrong> {
    const EXAMPLE: &str =
        "write \"spawn\", or a URL such as \"rediss://user:${REDIS_PASSWORD}@redis.example.com:6379/0\"";
    let stated = !(env.is_none() || url.starts_with("${"));
    if stated && !["redis://", "rediss://"].iter().any(|scheme| url.to_ascii_lowercase().starts_with(scheme))
    {
        return Err(wrong("the URL of Redis begins with neither redis:// nor rediss://", EXAMPLE));
    }
    let userinfo = url.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')).map(|(info, _)| info);
    let password = userinfo.and_then(|info| info.split_once(':')).map(|(_, password)| password);
    if password.is_some_and(|password| !(password.starts_with("${") && password.ends_with('}'))) {
        return Err(wrong("the URL of Redis holds a password", "write ${VARIABLE} in its place"));
    }
    // A password may hold what has a meaning in a URL.
    let encoded = env.map(|env| move |name: &str| env(name).map(|value| encode(&value)));
    let mut values = Vec::new();
    let expanded = match (&encoded, userinfo) {
        (Some(encoded), Some(info)) => {
            let (before, after) = url.split_once(info).unwrap_or((url, ""));
            let info = variables(info, Some(encoded), &mut values)?;
            before.to_owned() + &info + &variables(after, env, &mut values)?
        }
        _ => variables(url, env, &mut values)?,
    };
    Ok(ExpandedUrl::new(expanded, values))
}

/// Percent-encodes all but what stands for itself everywhere (RFC 3986, section 2.3).
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// The text with each `${VARIABLE}` replaced; the values are added to `values`.
fn variables(url: &str, env: Option<Env<'_>>, values: &mut Vec<String>) -> Result<String, Wrong> {
    let mut expanded = String::new();
    let mut rest = url;
    while let Some((before, after)) = rest.split_once("${") {
        expanded.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            return Err(wrong("a `${` in the URL is not closed", "write ${VARIABLE}"));
        };
        if !is_env_name(name) {
            return Err(wrong("a `${…}` in the URL holds no variable's name", "write ${VARIABLE}"));
        }
        match env.map(|env| env(name).filter(|value| !value.is_empty())) {
            None => expanded.push_str(&format!("${{{name}}}")),
            Some(Some(value)) => {
                expanded.push_str(&value);
                values.push(value);
            }
            Some(None) => {
                let help = format!("export {name} before the run, or write the URL itself");
                return Err((format!("the environment variable `{name}` is not set"), help));
            }
        }
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn check(url: &str, variables: bool) -> Result<(), Wrong> {
    const EXAMPLE: &str = "write the base URL with its version, such as \"https://llm.example.com/v1\"";
    if variables && url.starts_with("${") {
        return Ok(());
    }
    let lower = url.to_ascii_lowercase();
    let Some(scheme) = ["http://", "https://"].into_iter().find(|scheme| lower.starts_with(scheme)) else {
        return Err(wrong("the URL begins with neither http:// nor https://", EXAMPLE));
    };
    let rest = &url[scheme.len()..];
    if rest.contains('@') {
        let help = "take it out and name the key's variable in api_key_env";
        return Err(wrong("the URL holds a user or a password", help));
    }
    if rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(wrong("the URL holds white space", EXAMPLE));
    }
    if rest.contains(['?', '#']) {
        return Err(wrong("the URL holds a query or a fragment", EXAMPLE));
    }
    let authority = rest.split('/').next().unwrap_or_default();
    if variables && authority.contains("${") {
        return Ok(());
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if host.is_empty() {
        return Err(wrong("the URL has no host", EXAMPLE));
    }
    if port.is_some_and(|port| port.parse::<u16>().map_or(true, |port| port == 0)) {
        return Err(wrong("the URL's port is not a number from 1 to 65535", EXAMPLE));
    }
    Ok(())
}

fn wrong(what: &str, help: &str) -> Wrong {
    (what.to_owned(), help.to_owned())
}
