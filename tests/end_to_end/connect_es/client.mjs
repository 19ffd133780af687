// A sale over each protocol that connect-es speaks: node client.mjs MAIN_URL GRPC_URL API_KEY
//
// It prints what it saw as one JSON document; whoever started it judges.
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { CouponService, CampaignView, ProblemSchema } from "./gen/largesse/v1/coupons_pb.js";

const [mainUrl, grpcUrl, key] = process.argv.slice(2);
const interceptors = [(next) => (request) => {
  request.header.set("Authorization", `Bearer ${key}`);
  return next(request);
}];
const transports = {
  "connect json": createConnectTransport({ baseUrl: mainUrl, httpVersion: "1.1", interceptors }),
  "connect binary": createConnectTransport({ baseUrl: mainUrl, httpVersion: "1.1", useBinaryFormat: true, interceptors }),
  "connect get": createConnectTransport({ baseUrl: mainUrl, httpVersion: "1.1", useHttpGet: true, interceptors }),
  "grpc-web": createGrpcWebTransport({ baseUrl: mainUrl, httpVersion: "1.1", interceptors }),
  "grpc": createGrpcTransport({ baseUrl: grpcUrl, interceptors }),
};

async function refusal(call) {
  try {
    await call;
    return null;
  } catch (error) {
    const told = ConnectError.from(error);
    const [problem] = told.findDetails(ProblemSchema);
    return { code: Code[told.code], problem: problem?.code ?? null, pointer: problem?.pointer ?? null };
  }
}

const seen = {};
for (const [name, transport] of Object.entries(transports)) {
  const client = createClient(CouponService, transport);
  const startTime = { seconds: 1767225600n, nanos: 0 };
  const { campaignId } = await client.createCampaign({ name, startTime, totalCoupons: 2n });
  const wish = { campaignId, customerId: "mina", idempotencyKey: "order-1" };
  const first = await client.issueCoupon(wish);
  const again = await client.issueCoupon(wish);
  const second = await client.issueCoupon({ campaignId });
  const shown = await client.getCampaign({ campaignId });
  const light = await client.getCampaign({ campaignId, view: CampaignView.BASIC });
  seen[name] = {
    replayed: [first.replayed, again.replayed, first.couponCode === again.couponCode],
    listed: shown.couponCodes.join() === [first.couponCode, second.couponCode].join(),
    light: [light.couponCodes.length, Number(light.campaign.issuedCoupons)],
    soldOut: await refusal(client.issueCoupon({ campaignId })),
    unknown: await refusal(client.getCampaign({ campaignId: 999999n })),
    invalid: await refusal(client.createCampaign({ name, startTime, totalCoupons: 0n })),
    deleted: (await client.deleteCampaign({ campaignId })).$typeName,
    closed: await refusal(client.issueCoupon({ campaignId })),
  };
}
console.log(JSON.stringify(seen));
process.exit(0);
