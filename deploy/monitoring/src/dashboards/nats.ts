import { type DashboardSpec, lines, maxBy, number, rateBy, sumBy } from "../dashboard.ts";

/** Of what prometheus-nats-exporter reads (nats-exporter.ts), and of what the coordinators see of their streams. */
export const nats: DashboardSpec = {
  uid: "hindcast-nats",
  title: "NATS",
  rows: [
    {
      title: "Servers",
      panels: [
        number("Servers", { unit: "short", description: "Whose exporter answers." }, 'sum(up{job="nats"})'),
        number(
          "Unhealthy servers",
          { unit: "short", description: "That answer and say what is wrong at `/healthz`." },
          "sum(gnatsd_healthz_status)",
        ),
        number(
          "Connections",
          { unit: "short", description: "Clients of all servers." },
          "sum(gnatsd_varz_connections)",
        ),
        number(
          "Slow consumers",
          { unit: "short", description: "Dropped since the servers started." },
          "sum(gnatsd_varz_slow_consumers)",
        ),
        number(
          "Streams",
          { unit: "short", description: "Of the largest account." },
          "max(jetstream_server_total_streams)",
        ),
        number(
          "Stored",
          { unit: "bytes", description: "Bytes of all streams." },
          "max(jetstream_server_total_message_bytes)",
        ),
        number(
          "Connected",
          { unit: "short", description: "Processes of Hindcast with a connection." },
          "sum(hindcast_bus_connected)",
        ),
        lines("Messages in and out", { unit: "ops", description: "Per server." }, [
          { expr: "rate(gnatsd_varz_in_msgs[$__rate_interval])", legend: "in {{server_id}}" },
          { expr: "rate(gnatsd_varz_out_msgs[$__rate_interval])", legend: "out {{server_id}}" },
        ]),
        lines("Memory", { unit: "bytes", description: "Per server." }, [
          { expr: "gnatsd_varz_mem", legend: "{{server_id}}" },
        ]),
        lines("CPU", { unit: "percent", description: "Per server." }, [
          { expr: "gnatsd_varz_cpu", legend: "{{server_id}}" },
        ]),
      ],
    },
    {
      title: "Streams",
      panels: [
        lines("Messages", { unit: "short", description: "Per stream." }, [
          maxBy("jetstream_stream_total_messages", "stream_name"),
        ]),
        lines("Bytes", { unit: "bytes", description: "Per stream." }, [
          maxBy("jetstream_stream_total_bytes", "stream_name"),
        ]),
        lines("Consumers", { unit: "short", description: "Per stream." }, [
          maxBy("jetstream_stream_consumer_count", "stream_name"),
        ]),
        lines("Pending", { unit: "short", description: "Messages that a consumer has not delivered." }, [
          maxBy("jetstream_consumer_num_pending", "stream_name, consumer_name"),
        ]),
        lines("Unacknowledged", { unit: "short", description: "Delivered and not acknowledged." }, [
          maxBy("jetstream_consumer_num_ack_pending", "stream_name, consumer_name"),
        ]),
        lines("Redelivered", { unit: "short", description: "Delivered more than once and not acknowledged." }, [
          maxBy("jetstream_consumer_num_redelivered", "stream_name, consumer_name"),
        ]),
      ],
    },
    {
      title: "As Hindcast sees it",
      panels: [
        lines("Bytes of kept streams", { unit: "bytes", description: "Against their limits where they have one." }, [
          maxBy("hindcast_stream_bytes", "stream"),
          maxBy("hindcast_stream_limit_bytes", "stream"),
        ]),
        lines("Losses of the connection", { unit: "ops", description: "Per process." }, [
          rateBy("hindcast_bus_disconnects_total", "instance"),
        ]),
        lines(
          "Reading failed",
          { unit: "short", description: "1 while a coordinator cannot read queues and streams." },
          [sumBy("hindcast_bus_reading_failed", "instance")],
        ),
      ],
    },
  ],
};
