//! One look-up of one name: the hosts file first, then the name servers, for both families beside each other.
//!
//! hickory asks the servers; which names are asked for and what the answers mean is decided here, because its own look-up of both
//! families tells neither a family that failed from one that is not there, nor the two apart.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, TokioResolver};
use tokio::time::timeout;

use super::state::{Family, Outcome};
use super::system::{Settings, System};

/// How often a name of the hosts file is looked up: reading it costs nothing.
const HOSTS_TTL: Duration = Duration::from_secs(5);

/// How much longer than one family the other may take: some servers never answer for IPv6.
const OTHER_FAMILY: Duration = Duration::from_secs(1);

/// Looks names up by what the system's files say at that time.
#[derive(Debug)]
pub(super) struct Resolver(System);

impl Resolver {
    /// By these name servers, or by the system's.
    pub(super) fn new(servers: Option<Vec<SocketAddr>>) -> Self {
        Self(System::new(servers))
    }

    /// The addresses of a name.
    pub(super) async fn look_up(&self, name: &str) -> Outcome {
        look_up(name, &self.0.settings()).await
    }
}

async fn look_up(name: &str, settings: &Settings) -> Outcome {
    let name = match Name::from_utf8(name) {
        Ok(name) => name,
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    if let Some(found) = in_hosts(&settings.hosts, &name) {
        return found;
    }
    if name.is_localhost() {
        let [v4, v6] =
            [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()].map(|address| Family::Found(vec![address]));
        return Outcome::Found { v4, v6, ttl: HOSTS_TTL };
    }
    let resolver = match &settings.resolver {
        Ok(resolver) => resolver,
        Err(why) => return Outcome::Failed(why.clone()),
    };
    for name in candidates(&name, settings) {
        match ask_both(resolver, &name).await {
            // Only a server that says so lets the search go on: a failure may hide the very name that is meant.
            Outcome::NotFound => {}
            decided => return decided,
        }
    }
    Outcome::NotFound
}

/// A name that is there for one family is not asked for anywhere else.
fn in_hosts(hosts: &Hosts, name: &Name) -> Option<Outcome> {
    let family = |kind| {
        let query = hickory_resolver::proto::op::Query::query(name.clone(), kind);
        let found = hosts.lookup_static_host(&query);
        found.map_or(Family::None, |lookup| {
            Family::Found(lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect())
        })
    };
    let (v4, v6) = (family(RecordType::A), family(RecordType::AAAA));
    (v4 != Family::None || v6 != Family::None).then_some(Outcome::Found { v4, v6, ttl: HOSTS_TTL })
}

/// What a name may stand for, as resolv.conf(5) has it: with enough dots it is tried as it is before the search list, else after it.
fn candidates(name: &Name, settings: &Settings) -> Vec<Name> {
    let mut whole = name.clone();
    whole.set_fqdn(true);
    if name.is_fqdn() {
        return vec![whole];
    }
    let dots = usize::from(name.num_labels()).saturating_sub(1);
    let mut all: Vec<_> = settings.search.iter().filter_map(|domain| name.clone().append_domain(domain).ok()).collect();
    all.insert(if dots >= settings.ndots { 0 } else { all.len() }, whole);
    all
}

async fn ask_both(resolver: &TokioResolver, name: &Name) -> Outcome {
    let (v4, v6) = (pin!(ask(resolver, name, RecordType::A)), pin!(ask(resolver, name, RecordType::AAAA)));
    let (v4, v6) = match select(v4, v6).await {
        Either::Left((v4, other)) => {
            let v6 = other_family(&v4, other).await;
            (v4, v6)
        }
        Either::Right((v6, other)) => {
            let v4 = other_family(&v6, other).await;
            (v4, v6)
        }
    };
    if let Some(ttl) = v4.ttl().into_iter().chain(v6.ttl()).min() {
        return Outcome::Found { v4: v4.into(), v6: v6.into(), ttl };
    }
    match (v4, v6) {
        (Answer::Failed(Some(error)), _) | (_, Answer::Failed(Some(error))) if !matches!(error, NetError::Timeout) => {
            Outcome::Failed(error.to_string())
        }
        (Answer::Failed(_), _) | (_, Answer::Failed(_)) => Outcome::Timeout,
        _ => Outcome::NotFound,
    }
}

/// Waits for the other family: a while longer where there are addresses already, else for as long as it takes.
async fn other_family(first: &Answer, other: impl Future<Output = Answer>) -> Answer {
    match first {
        Answer::Found(..) => timeout(OTHER_FAMILY, other).await.unwrap_or(Answer::Failed(None)),
        Answer::None | Answer::Failed(_) => other.await,
    }
}

/// The answer for one family.
enum Answer {
    Found(Vec<IpAddr>, Duration),
    None,
    /// Without an error where it was not waited for.
    Failed(Option<NetError>),
}

impl Answer {
    fn ttl(&self) -> Option<Duration> {
        if let Self::Found(_, ttl) = self { Some(*ttl) } else { None }
    }
}

impl From<Answer> for Family {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Found(addresses, _) => Self::Found(addresses),
            Answer::None => Self::None,
            Answer::Failed(_) => Self::Failed,
        }
    }
}

async fn ask(resolver: &TokioResolver, name: &Name, kind: RecordType) -> Answer {
    match resolver.lookup(name.clone(), kind).await {
        Ok(lookup) => {
            // With the aliases on the way, which may change before the address does.
            let ttl = lookup.answers().iter().map(|record| record.ttl).min().unwrap_or_default();
            let addresses: Vec<_> = lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect();
            if addresses.is_empty() {
                return Answer::None;
            }
            Answer::Found(addresses, Duration::from_secs(u64::from(ttl)))
        }
        Err(NetError::Dns(DnsError::NoRecordsFound(_))) => Answer::None,
        Err(error) => Answer::Failed(Some(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTS: &str =
        "127.0.0.1 localhost # here\n10.0.0.1 films films.local\n10.0.0.2 films\n::2 films\nno address\n";
    const RESOLV_CONF: &str = "nameserver 127.0.0.1\nsearch cinema.svc.test svc.test\noptions ndots:2\n";

    fn settings(hosts: Option<&str>, resolv_conf: Option<&str>) -> Settings {
        System::new(None).read(&(hosts.map(str::to_owned), resolv_conf.map(str::to_owned)))
    }

    async fn found(name: &str, settings: &Settings) -> Vec<String> {
        match look_up(name, settings).await {
            Outcome::Found { v4: Family::Found(v4), v6: Family::Found(v6), .. } => {
                v4.iter().chain(&v6).map(ToString::to_string).collect()
            }
            Outcome::Found { v4: Family::Found(one), .. } => one.iter().map(ToString::to_string).collect(),
            other => vec![format!("{other:?}")],
        }
    }

    #[tokio::test]
    async fn the_hosts_file_is_enough_for_what_it_names() {
        let settings = settings(Some(HOSTS), None);
        assert_eq!(found("films", &settings).await, ["10.0.0.1", "10.0.0.2", "::2"]);
        assert_eq!(found("FILMS.local.", &settings).await, ["10.0.0.1"]);
        assert_eq!(found("localhost", &settings).await, ["127.0.0.1"]);
        let unknown = look_up("unknown", &settings).await;
        assert!(matches!(&unknown, Outcome::Failed(why) if why.contains("resolv.conf")), "{unknown:?}");
    }

    #[tokio::test]
    async fn a_machine_without_either_file_knows_itself() {
        assert_eq!(found("localhost", &settings(None, None)).await, ["127.0.0.1", "::1"]);
    }

    #[test]
    fn the_search_list_stands_before_or_after_the_name_by_its_dots() {
        let settings = settings(None, Some(RESOLV_CONF));
        for (name, expected) in [
            ("films", &["films.cinema.svc.test.", "films.svc.test.", "films."][..]),
            ("films.cinema", &["films.cinema.cinema.svc.test.", "films.cinema.svc.test.", "films.cinema."]),
            ("a.b.c", &["a.b.c.", "a.b.c.cinema.svc.test.", "a.b.c.svc.test."]),
            ("films.", &["films."]),
        ] {
            let name = Name::from_utf8(name).unwrap_or_default();
            let all: Vec<_> = candidates(&name, &settings).iter().map(ToString::to_string).collect();
            assert_eq!(all, expected);
        }
    }
}
