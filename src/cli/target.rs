//! Which services and which Redis a verb is about. It must not connect.

use std::path::PathBuf;

use super::{
    Exit, Failure,
    args::{Globals, SourceOverride},
    output,
};
use crate::{
    app::Sharing,
    config::{self, Request},
    etcd::Servers,
    model::{ObjectId, ServiceName},
    settings::{self, Bridge, LogFormat, Secret, Settings, SourceKind},
    store::{Reader, Target},
    telemetry,
    web::{Url, shown},
};

/// The settings of every configured service; logging is set up by the first.
pub fn services(globals: &Globals) -> Result<Vec<Settings>, Failure> {
    services_and_files(globals).map(|(all, _)| all)
}

/// As [`services`], with the files that say so.
pub fn services_and_files(globals: &Globals) -> Result<(Vec<Settings>, Vec<PathBuf>), Failure> {
    let loaded = config::load(&request(globals)?)?;
    let mut files: Vec<PathBuf> = loaded.iter().flat_map(|l| l.file.iter().chain(&l.shared)).cloned().collect();
    files.dedup();
    let all: Vec<Settings> = loaded.into_iter().map(|l| l.settings).collect();
    if let Some(first) = all.first() {
        telemetry::init(&first.log).map_err(|e| Failure::told(Exit::Usage, e))?;
    }
    Ok((all, files))
}

/// The configured services, of which there need be none, and the Redis that is named beside them.
pub fn services_or_redis(globals: &Globals) -> Result<(Vec<Settings>, settings::Redis), Failure> {
    let request = request(globals)?;
    let connection = config::load_connection(&request)?;
    let all: Vec<Settings> = config::load_any(&request)?.into_iter().map(|l| l.settings).collect();
    telemetry::init(&connection.log).map_err(|e| Failure::told(Exit::Usage, e))?;
    Ok((all, connection.redis))
}

/// The bridge that is configured, with the rest of its file.
pub fn bridge(globals: &Globals) -> Result<(Bridge, Settings), Failure> {
    let Some((bridge, settings)) = config::load_bridge(&request(globals)?)? else {
        let hint = "name a file with [bridge] by -c: queues, functions and command; see docs/bridge.md";
        return Err(Failure::new(Exit::Usage, "no bridge is configured", hint));
    };
    telemetry::init(&settings.log).map_err(|e| Failure::told(Exit::Usage, e))?;
    Ok((bridge, settings))
}

/// What is to be loaded, with what stands in etcd, where one is named.
pub fn request(globals: &Globals) -> Result<Request, Failure> {
    let mut request = Request::from_process();
    request.paths.clone_from(&globals.config);
    request.sets.clone_from(&globals.sets);
    request.context.clone_from(&globals.context);
    let mut set = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            request.sets.push((key.to_owned(), value));
        }
    };
    set("redis.url", globals.redis_url.clone());
    set("log.level", globals.log_level.clone());
    let format = globals.log_format.map(LogFormat::from);
    set("log.format", format.map(|format| format!("{format:?}").to_lowercase()));
    // A context stands in place of all that is shared.
    if globals.context.is_some() {
        return Ok(request);
    }
    if let Some(sharing) = sharing(globals)? {
        let fetched = sharing.fetch()?;
        if let Some(away) = fetched.away {
            let warn = output::WARN;
            output::note(format_args!("{warn}note:{warn:#} {}", output::clean(&away)));
        }
        request.remote = Some(fetched.remote);
    }
    Ok(request)
}

/// Where shared configuration is; none where no etcd is named.
pub fn sharing(globals: &Globals) -> Result<Option<Sharing>, Failure> {
    let shared = &globals.shared;
    let var = |name: &str| std::env::var(format!("RALPHEXT_CONFIG_{name}")).ok().filter(|text| !text.is_empty());
    let endpoints = match shared.config_etcd.as_slice() {
        [] => var("ETCD").map(|text| text.split(',').map(|one| one.trim().to_owned()).collect()).unwrap_or_default(),
        given => given.to_vec(),
    };
    if endpoints.is_empty() {
        return Ok(None);
    }
    let usage = |message: String, hint: &str| Failure::new(Exit::Usage, message, hint);
    let endpoints = endpoints.iter().map(|text| {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        url.ok_or_else(|| usage(format!("{:?} is no address of etcd", shown(text)), "write http://host:2379"))
    });
    let prefix = shared.config_prefix.clone().or_else(|| var("PREFIX")).unwrap_or_else(|| "/ralphext".to_owned());
    let password = match (var("ETCD_PASSWORD"), var("ETCD_PASSWORD_FILE")) {
        (Some(password), _) => Some(Secret::new(password)),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(&path).map_err(|e| {
                usage(
                    format!("cannot read etcd's password from {path}: {e}"),
                    "is it mounted, and may this user read it",
                )
            })?;
            Some(Secret::new(text.trim_end_matches(['\r', '\n'])))
        }
        (None, None) => None,
    };
    let servers = Servers {
        endpoints: endpoints.collect::<Result<_, _>>()?,
        user: var("ETCD_USER"),
        password,
        ca: var("ETCD_CA").map(PathBuf::from),
        cert: var("ETCD_CERT").map(PathBuf::from),
        key: var("ETCD_KEY").map(PathBuf::from),
    };
    let copy = shared.config_copy.clone().or_else(|| var("COPY").map(PathBuf::from));
    Ok(Some(Sharing { servers, prefix: prefix.trim_end_matches('/').to_owned(), copy }))
}

/// Puts the flags `--source` and `--complete` into the settings; with `is_once`, the source has to have an end.
pub fn with_source(
    all: &mut [Settings],
    source: Option<SourceOverride>,
    complete: bool,
    is_once: bool,
) -> Result<(), Failure> {
    let Some(SourceOverride::Stdin) = source else {
        if let Some(stream) = all.iter().find(|s| is_once && s.source.kind.tells_changes()) {
            let message = format!("service {}: source.kind \"{}\" has no end", stream.name(), stream.source.kind);
            return Err(Failure::new(Exit::Usage, message, "use `ralphext run`, or pipe records in: --source stdin"));
        }
        if complete && all.iter().any(|s| s.source.kind != SourceKind::Stdin || s.source.is_merged()) {
            let hint = "add --source stdin, or leave --complete away";
            return Err(Failure::new(Exit::Usage, "--complete is for standard input only", hint));
        }
        all.iter_mut().for_each(|s| s.source.complete |= complete);
        return Ok(());
    };
    if all.len() != 1 {
        let message = format!("--source stdin is for one service, and {} are configured", all.len());
        return Err(Failure::new(Exit::Usage, message, "name one file with -c"));
    }
    if all[0].source.is_merged() {
        let message = format!("service {} has several inputs, and --source stdin stands for one source", all[0].name());
        return Err(Failure::new(Exit::Usage, message, "leave --source away: each input is asked once"));
    }
    let source = &mut all[0].source;
    source.kind = SourceKind::Stdin;
    source.complete |= complete;
    Ok(())
}

/// The Redis to look at, and the keys' prefix; no service need be configured. Nothing is sent.
pub fn redis(globals: &Globals) -> Result<(Target, String), Failure> {
    let connection = config::load_connection(&request(globals)?)?;
    telemetry::init(&connection.log).map_err(|e| Failure::told(Exit::Usage, e))?;
    Ok((Target::new(&connection.redis)?, connection.redis.prefix))
}

/// The Redis to read from; no service need be configured.
pub fn reader(globals: &Globals) -> Result<Reader, Failure> {
    let (target, prefix) = redis(globals)?;
    Ok(Reader::open(target, &prefix)?)
}

/// A service's name as it was typed.
pub fn service_name(text: &str) -> Result<ServiceName, Failure> {
    ServiceName::new(text).map_err(|e| {
        let hint = "names are lower-case letters, digits and -; `ralphext ls` lists the services";
        Failure::new(Exit::Usage, format!("{text:?} is no service name: {e}"), hint)
    })
}

/// An object's id as it was typed.
pub fn object_id(text: &str) -> Result<ObjectId, Failure> {
    ObjectId::new(text).map_err(|e| {
        let hint = "write a primary key (4711) or app.model.pk (data_center.rack.12)";
        Failure::new(Exit::Usage, format!("{text:?} is no object id: {e}"), hint)
    })
}

/// Wall clock, unix ms.
pub fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// User and host of who runs this, for others to read.
pub fn who() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let who = format!("{}@{}", user.as_deref().unwrap_or("unknown"), host.trim());
    who.chars().filter(|c| c.is_ascii_graphic()).take(100).collect()
}
