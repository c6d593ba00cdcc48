import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes one transactional batch per codec with Apache Kafka's own producer. The first batch of each topic's log segment
 * (golden-CODEC-0/00000000000000000000.log in the broker's log directory) is kept as java-CODEC.batch.
 *
 * java -cp 'libs/*' Golden.java BROKER
 */
public class Golden {
    public static void main(String[] args) throws Exception {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            String topic = "golden-" + codec;
            Properties p = new Properties();
            p.put("bootstrap.servers", args[0]);
            p.put("transactional.id", topic);
            p.put("compression.type", codec);
            p.put("linger.ms", "1000");
            p.put("batch.size", "1000000");
            try (Admin admin = Admin.create(p)) {
                admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
            }
            try (var producer = new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer())) {
                producer.initTransactions();
                producer.beginTransaction();
                long t = 1_700_000_000_000L;
                producer.send(new ProducerRecord<>(topic, 0, t, "key".getBytes(), "value".getBytes()));
                producer.send(new ProducerRecord<>(topic, 0, t + 86_400_000, (byte[]) null, new byte[0]));
                producer.send(new ProducerRecord<>(topic, 0, t - 70, "tombstone".getBytes(), (byte[]) null));
                producer.send(new ProducerRecord<>(topic, 0, t + 1, new byte[0], "x".repeat(70_000).getBytes(), List.of(
                    new RecordHeader("content-type", "application/json".getBytes()),
                    new RecordHeader("none", (byte[]) null),
                    new RecordHeader("", new byte[0]))));
                for (int i = 0; i < 100; i++) {
                    producer.send(new ProducerRecord<>(topic, 0, t + i, ("k" + i).getBytes(), ("v" + i * i).getBytes()));
                }
                producer.commitTransaction();
            }
        }
    }
}
