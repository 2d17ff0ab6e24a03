//! `deadheat worker`: one of a run's own processes. What it is to do comes by its standard input.

use super::output;
use super::run::targets::{key_in_environment, raise_file_limit};
use crate::engine::{self, Assignment, WorkerEnvironment};
use crate::strategy::ProcessContext;
use crate::strategy::redis::RedisClient;
use crate::summary::Exit;
use std::io::BufReader;

pub(super) fn run() -> u8 {
    raise_file_limit();
    let environment = WorkerEnvironment {
        strategies: &|plan, strategy, assignment| {
            let redis = assignment.redis_url.as_deref().map(RedisClient::new).transpose();
            let redis = redis.map_err(|error| error.to_string())?;
            let Assignment { prefix, process, successor, .. } = assignment.clone();
            let around = ProcessContext { prefix, process, successor, redis };
            Ok(strategy.build(&plan.retry, &around))
        },
        keys: &key_in_environment,
        leave: || std::process::exit(0),
    };
    match engine::work(BufReader::new(std::io::stdin()), std::io::stdout(), &environment) {
        Ok(()) => Exit::Pass.code(),
        Err(why) => {
            output::say(&why);
            Exit::Usage.code()
        }
    }
}
