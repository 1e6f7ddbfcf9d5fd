//! The topics from outside: a client of the tests' own that reads what is at a place, and writes what the service wouldn't.

use std::collections::HashMap;
use std::fs::File;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value;
use tests::servers;
use tests::until;

/// The real Kafka, one test at a time: the services of all tests would share one consumer group.
pub struct Kafka {
    /// host:port
    pub brokers: String,
    _turn: File,
}

/// Waits for this test's turn, in whatever process the others run.
pub fn kafka() -> Kafka {
    let brokers = servers::kafka();
    let turn = File::create(std::env::temp_dir().join("cinema-test-kafka.lock")).unwrap();
    turn.lock().unwrap();
    Kafka { brokers, _turn: turn }
}

/// An id that no other event has.
pub fn fresh() -> i64 {
    static COUNT: AtomicI64 = AtomicI64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    i64::try_from(now).unwrap() * 1000 + COUNT.fetch_add(1, Ordering::Relaxed)
}

impl Kafka {
    /// Where the broker says that it is.
    pub fn advertised(&self) -> String {
        let metadata = self.reader().fetch_metadata(None, Duration::from_secs(20)).unwrap();
        let broker = &metadata.brokers()[0];
        format!("{}:{}", broker.host(), broker.port())
    }

    /// How many partitions a topic has; none where it doesn't exist.
    pub fn partitions(&self, topic: &str) -> Option<usize> {
        let metadata = self.reader().fetch_metadata(None, Duration::from_secs(20)).unwrap();
        metadata.topics().iter().find(|known| known.name() == topic).map(|known| known.partitions().len())
    }

    /// The message at the place that an answer names.
    pub fn at(&self, topic: &str, answer: &Value) -> OwnedMessage {
        let (partition, offset) = (answer["partition"].as_i64().unwrap(), answer["offset"].as_i64().unwrap());
        let mut place = TopicPartitionList::new();
        place.add_partition_offset(topic, i32::try_from(partition).unwrap(), Offset::Offset(offset)).unwrap();
        let reader = self.reader();
        reader.assign(&place).unwrap();
        until(&format!("a message in {topic} at {partition}:{offset}"), || {
            let message = reader.poll(Duration::from_millis(200))?.ok()?.detach();
            assert_eq!(message.offset(), offset, "what was accepted is gone");
            Some(message)
        })
    }

    /// Every message of a topic, by partition and offset.
    pub fn all(&self, topic: &str) -> HashMap<(i64, i64), OwnedMessage> {
        let reader = self.reader();
        let mut places = TopicPartitionList::new();
        let mut ends = HashMap::new();
        for partition in 0..i32::try_from(self.partitions(topic).unwrap()).unwrap() {
            places.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
            let (low, high) = reader.fetch_watermarks(topic, partition, Duration::from_secs(20)).unwrap();
            if high > low {
                ends.insert(partition, high - 1);
            }
        }
        reader.assign(&places).unwrap();
        let mut all = HashMap::new();
        until(&format!("the end of {topic}"), || {
            while let Some(Ok(message)) = reader.poll(Duration::from_millis(200)) {
                if ends.get(&message.partition()).is_some_and(|end| *end <= message.offset()) {
                    ends.remove(&message.partition());
                }
                all.insert((message.partition().into(), message.offset()), message.detach());
            }
            ends.is_empty().then_some(())
        });
        all
    }

    /// Writes what anybody could write: a value with, maybe, a `ce_id`.
    pub fn write(&self, topic: &str, key: &str, value: &str, ce_id: Option<&str>) {
        let producer: BaseProducer = self.config().create().unwrap();
        let mut record = BaseRecord::to(topic).key(key).payload(value);
        if let Some(id) = ce_id {
            record = record.headers(OwnedHeaders::new().insert(Header { key: "ce_id", value: Some(id) }));
        }
        producer.send(record).map_err(|(problem, _)| problem).unwrap();
        producer.flush(Duration::from_secs(20)).unwrap();
    }

    /// A client's settings.
    pub fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers).set("group.id", "tests-read-without-a-group");
        config
    }

    fn reader(&self) -> BaseConsumer {
        self.config().set("enable.auto.commit", "false").create().unwrap()
    }
}

/// A message's header.
pub fn header(message: &OwnedMessage, name: &str) -> String {
    let found = message.headers().unwrap().iter().find(|header| header.key == name);
    let value = found.unwrap_or_else(|| panic!("no header {name}")).value.unwrap();
    String::from_utf8(value.to_vec()).unwrap()
}
