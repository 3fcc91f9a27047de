// Puts one job on a queue, as a program that knows nothing of Sana but its message would:
//   node send-job.mjs <connection string> <queue> <job as JSON> [plain|base64]
import { QueueServiceClient } from "@azure/storage-queue";

const [connection, name, job, encoding = "base64"] = process.argv.slice(2);
const queue = QueueServiceClient.fromConnectionString(connection).getQueueClient(name);
await queue.createIfNotExists();
await queue.sendMessage(encoding === "plain" ? job : Buffer.from(job, "utf8").toString("base64"));
