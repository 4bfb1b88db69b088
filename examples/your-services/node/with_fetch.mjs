// Asks pricing with Node's own fetch.
import { serve } from "./serving.mjs";

async function answer(path, baggage) {
  const options = { headers: { baggage }, signal: AbortSignal.timeout(3000) };
  const reply = await fetch(process.env.PRICING_URL + path, options);
  const text = await reply.text();
  if (!reply.ok) throw new Error(`pricing answered ${reply.status}`);
  return text;
}

serve(answer);
