//! The topics that must be there: named here, described in `kafka/topics`, made where they are missing.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::kafka::Context;

/// The topics, as the contract names them: of movies, users and payments.
pub const TOPICS: [&str; 3] = ["movie-events", "user-events", "payment-events"];

/// How long Kafka has to make them.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the topics are made with; the folder is the deployment's too.
const DESCRIBED: &str = include_str!("../../../kafka/topics");

/// A line of the file: `name partitions key=value…`
pub(super) struct Topic {
    pub(super) name: &'static str,
    pub(super) partitions: i32,
    settings: Vec<(&'static str, &'static str)>,
}

/// The lines of the file that can be read; a test sees to it that all can.
pub(super) fn described() -> impl Iterator<Item = Topic> {
    DESCRIBED.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut words = line.split_whitespace();
        let (name, partitions) = (words.next()?, words.next()?.parse().ok()?);
        Some(Topic { name, partitions, settings: words.filter_map(|word| word.split_once('=')).collect() })
    })
}

/// Makes the topics that are missing. Those that are there stay as they are.
pub(super) async fn ensure(admin: &AdminClient<Context>) -> Result<(), KafkaError> {
    let topics: Vec<Topic> = described().collect();
    let wanted = topics.iter().map(|topic| {
        // As many copies as the broker makes by default.
        let new = NewTopic::new(topic.name, topic.partitions, TopicReplication::Fixed(-1));
        topic.settings.iter().fold(new, |new, &(key, value)| new.set(key, value))
    });
    let wanted: Vec<NewTopic<'_>> = wanted.collect();
    let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
    for result in admin.create_topics(&wanted, &options).await? {
        match result {
            Ok(topic) => tracing::info!(topic, "topic made"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => {
                tracing::warn!(topic, %code, "the topic can't be made");
                return Err(KafkaError::AdminOp(code));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{DESCRIBED, TOPICS, described};

    #[test]
    fn the_file_describes_the_topics_and_nothing_else() {
        assert_eq!(described().map(|topic| topic.name).collect::<Vec<_>>(), TOPICS);
        assert_eq!(DESCRIBED.lines().filter(|line| !line.starts_with('#')).count(), TOPICS.len());
    }
}
