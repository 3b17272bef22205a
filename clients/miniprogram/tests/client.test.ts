import assert from "node:assert/strict";
import { test } from "node:test";

import { Client, Interrupted, Problem } from "../src/index.js";
import { API, Phone, PLACE } from "./phone.js";

function opened(owner: string): { phone: Phone; client: Client } {
  const phone = new Phone(owner);
  return { phone, client: new Client({ base: API, wx: phone, sleep: async () => {} }) };
}

function aCase(title: string) {
  return { category: "help", title, text: "三楼的灯坏了一周。", place_id: PLACE } as const;
}

test("the first call logs in, and the session is kept for the next start", async () => {
  const { phone, client } = opened("小程序甲");
  const me = await client.get("/v1/me");
  assert.equal(phone.logins, 1);
  const again = new Client({ base: API, wx: phone });
  assert.equal((await again.get("/v1/me")).id, me.id);
  assert.equal(phone.logins, 1);
});

test("a case is handed in and found among one's own, page after page", async () => {
  const { client } = opened("小程序乙");
  const numbers: string[] = [];
  for (const title of ["楼道灯一", "楼道灯二", "楼道灯三"]) {
    numbers.unshift((await client.post("/v1/cases", { body: aCase(title) })).number);
  }
  const found: string[] = [];
  for await (const item of client.items("/v1/cases", { query: { mine: true, limit: 2 } })) found.push(item.number);
  assert.deepEqual(found, numbers);
});

test("what the server refuses is a Problem with its code, its words and its facts", async () => {
  const { client } = opened("小程序丙");
  const refused = await client.post("/v1/cases", { body: { ...aCase(""), title: "" } }).catch((error: unknown) => error);
  assert.ok(refused instanceof Problem);
  assert.equal(refused.status, 422);
  assert.ok(refused.errors.some((error) => error.loc.includes("title")));
  assert.match(refused.message, /[\u4e00-\u9fff]/);
  const made = await client.post("/v1/cases", { body: aCase("楼道的灯") });
  const early = await client
    .post("/v1/cases/{case_id}/ratings", { path: { case_id: made.id }, body: { overall: 5 } })
    .catch((error: unknown) => error);
  assert.ok(early instanceof Problem);
  assert.equal(early.status, 409);
  assert.deepEqual(early.moves, made.moves);
});

test("calls that meet an ended session wait for one login and all succeed", async () => {
  const { phone, client } = opened("小程序丁");
  await client.get("/v1/me");
  phone.setStorageSync("linli.session", { token: "x".repeat(43), person: {} });
  const late = new Client({ base: API, wx: phone });
  phone.sent.length = 0;
  const titles = ["东楼道的灯", "西楼道的灯", "南楼道的灯", "北楼道的灯"];
  const made = await Promise.all(titles.map((title) => late.post("/v1/cases", { body: aCase(title) })));
  assert.equal(phone.logins, 2);
  assert.deepEqual(made.map((one) => one.title).sort(), [...titles].sort());
  const keys = phone.sent.filter((call) => call.path === "/v1/cases").map((call) => call.key);
  assert.equal(keys.length, 8);
  assert.equal(new Set(keys).size, 4, "the same call has the same key after the login");
});

test("a lost answer is asked for again and the case is there once", async () => {
  const { phone, client } = opened("小程序戊");
  await client.get("/v1/me");
  phone.cuts = ["after", "before"];
  const made = await client.post("/v1/cases", { body: aCase("只有一件") });
  const mine = await client.get("/v1/cases", { query: { mine: true } });
  assert.deepEqual(
    mine.items.map((item) => item.number),
    [made.number],
  );
});

test("without a network it gives up after some attempts and says so", async () => {
  const { phone, client } = opened("小程序己");
  await client.get("/v1/me");
  phone.sent.length = 0;
  phone.cuts = ["before", "before", "before", "before"];
  await assert.rejects(client.get("/v1/cases"), Interrupted);
  assert.equal(phone.sent.length, 3);
});

test("a change that cannot be sent twice is not", async () => {
  const { phone, client } = opened("小程序庚");
  await client.get("/v1/me");
  phone.sent.length = 0;
  phone.cuts = ["after"];
  await assert.rejects(client.patch("/v1/me", { body: { nickname: "新名字" } }), Interrupted);
  assert.equal(phone.sent.length, 1);
});

test("a login whose answer was lost begins again with a new code", async () => {
  const { phone, client } = opened("小程序辛");
  phone.cuts = ["after"];
  await client.get("/v1/me");
  assert.equal(phone.logins, 2);
});

test("a used code is refused, not tried again", async () => {
  const { phone, client } = opened("小程序壬");
  const code = await phone.newCode();
  phone.codes = [code];
  await client.get("/v1/me");
  client.transport.forget();
  phone.codes = [code];
  const refused = await client.get("/v1/me").catch((error: unknown) => error);
  assert.ok(refused instanceof Problem);
  assert.equal(refused.code, "wechat_code_invalid");
  assert.equal(phone.logins, 2);
});
