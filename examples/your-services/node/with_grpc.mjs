// Asks stock with grpc-js, without generated code.
import { Client, Metadata, credentials } from "@grpc/grpc-js";
import { serve } from "./serving.mjs";

const stock = new Client(process.env.STOCK_ADDR, credentials.createInsecure());

function answer(path, baggage) {
  const metadata = new Metadata();
  metadata.set("baggage", baggage);
  const options = { deadline: Date.now() + 3000 };
  return new Promise((resolve, reject) => {
    const ended = (error, reply) => (error ? reject(error) : resolve(reply));
    // with generated code: stock.get(request, metadata, options, ended)
    stock.makeUnaryRequest("/testbed.v1.Stub/Call", Buffer.from, String, JSON.stringify({ path }), metadata, options, ended);
  });
}

serve(answer);
