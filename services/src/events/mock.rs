//! The broker of a process that was given none: librdkafka's own, with Kafka's real protocol, in memory only.
//!
//! Groups, committed offsets and idempotent producers work, other clients can join by its address, and everything is gone
//! when the process ends. For development; the only file with `unsafe`, for the one call that rdkafka does not wrap.

use rdkafka::bindings::{rd_kafka_handle_mock_cluster, rd_kafka_mock_group_initial_rebalance_delay_ms};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer};

use super::topics;

/// A broker with the topics of `kafka/topics`. It lives in a client of its own that does nothing else.
pub(super) struct MockBroker {
    _holder: BaseProducer,
    address: String,
}

impl MockBroker {
    pub(super) fn start() -> Result<Self, KafkaError> {
        let mut config = ClientConfig::new();
        config.set("test.mock.num.brokers", "1").set_log_level(RDKafkaLogLevel::Error);
        let holder: BaseProducer = config.create()?;
        let cluster = holder.client().mock_cluster().ok_or(KafkaError::MockCluster(RDKafkaErrorCode::Fail))?;
        for topic in topics::described() {
            cluster.create_topic(topic.name, topic.partitions, 1)?;
        }
        no_rebalance_delay(&holder);
        let address = cluster.bootstrap_servers();
        drop(cluster);
        tracing::warn!(
            brokers = address,
            "KAFKA_BROKERS is not set: events are in the memory of this process only, and gone when it ends"
        );
        Ok(Self { _holder: holder, address })
    }

    /// host:port
    pub(super) fn address(&self) -> &str {
        &self.address
    }
}

/// A group's first member need not wait for others: 0.15 s to the first event instead of three.
#[expect(unsafe_code, reason = "rdkafka has no safe call for it")]
fn no_rebalance_delay(holder: &BaseProducer) {
    // SAFETY: the client is alive for as long as it is borrowed, and its mock cluster for as long as the client. The
    // cluster's own lock covers the call.
    unsafe {
        let cluster = rd_kafka_handle_mock_cluster(holder.client().native_ptr());
        if !cluster.is_null() {
            rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0);
        }
    }
}
