// Asks pricing with axios.
import axios from "axios";
import { serve } from "./serving.mjs";

const pricing = axios.create({ baseURL: process.env.PRICING_URL, timeout: 3000, responseType: "text" });

async function answer(path, baggage) {
  return (await pricing.get(path, { headers: { baggage } })).data;
}

serve(answer);
