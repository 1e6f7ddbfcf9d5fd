//! The listener's certificates while it runs: the files are followed, and what is in force changes whole or not at all.
//!
//! The files are read every two seconds and compared; there is no watch, because nobody waits for a certificate. A pair of which one
//! file is written and the other is not yet is waited for before it is called bad.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::metrics::{Metrics, ReloadResult};
use crate::table::tls::Tls;
use crate::tls::{Broken, Content, Tickets, read, server};

/// Between two looks at the files.
const POLL: Duration = Duration::from_secs(2);

/// Two readings so far apart have to agree.
const TWICE: Duration = Duration::from_millis(200);

/// What handshakes are answered with. One load a handshake, one store a change.
#[derive(Debug)]
pub(crate) struct Certificates {
    config: ArcSwap<ServerConfig>,
    tls: Tls,
}

/// What the follower knows.
#[derive(Debug)]
pub(crate) struct Applied {
    content: Content,
    tickets: Tickets,
}

impl Certificates {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn new(tls: &Tls) -> Result<(Arc<Self>, Applied), Vec<Broken>> {
        let (content, tickets) = (read(tls)?, Tickets::new());
        let config = ArcSwap::new(server(tls, &content, &tickets)?);
        Ok((Arc::new(Self { config, tls: tls.clone() }), Applied { content, tickets }))
    }

    /// What the next handshake is answered with.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        self.config.load_full()
    }

    /// How long a handshake may take.
    pub(super) fn limit(&self) -> Option<Duration> {
        self.tls.handshake
    }

    /// Follows the files for as long as the gateway runs.
    pub(crate) async fn follow(self: Arc<Self>, mut applied: Applied, metrics: Arc<Metrics>) {
        let mut poll = interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut judged = Ok(applied.content.clone());
        loop {
            poll.tick().await;
            let found = reading(&self.tls);
            if found == judged {
                continue;
            }
            sleep(TWICE).await;
            if reading(&self.tls) != found {
                // Somebody is writing.
                continue;
            }
            judged = found.clone();
            match found {
                Ok(content) if content == applied.content => {
                    tracing::info!("the files of `server.tls` say again what is in force");
                    metrics.tls_in_sync(true);
                }
                found => self.judge(found, &mut applied, &metrics),
            }
        }
    }

    fn judge(&self, found: Result<Content, String>, applied: &mut Applied, metrics: &Metrics) {
        let made = found.and_then(|content| {
            // Who was let in by a ticket has shown a certificate that the new authorities may not know.
            let anew = content.believes_others(&applied.content);
            let tickets = if anew { Tickets::new() } else { applied.tickets.clone() };
            let config = server(&self.tls, &content, &tickets).map_err(|broken| told(&broken))?;
            Ok((config, Applied { content, tickets }))
        });
        match made {
            Ok((config, next)) => {
                self.config.store(config);
                *applied = next;
                metrics.tls_reloaded(ReloadResult::Applied);
                tracing::info!("new certificates are in force");
            }
            Err(problems) => {
                metrics.tls_reloaded(ReloadResult::Rejected);
                tracing::error!("new certificates are rejected, those in force serve on: {problems}");
            }
        }
    }
}

fn reading(tls: &Tls) -> Result<Content, String> {
    read(tls).map_err(|broken| told(&broken))
}

/// All that is wrong, in one line.
pub(crate) fn told(broken: &[Broken]) -> String {
    broken.iter().map(|broken| broken.why.as_str()).collect::<Vec<_>>().join("; ")
}
