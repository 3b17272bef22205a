/** A phone with the mini-program on it: a `wx` over real HTTP, with a network that can be cut. */

import { readFile } from "node:fs/promises";

import type { Wx } from "../src/wx.js";

export const API = must("LINLI_API");
const SIMULATOR = must("LINLI_SIMULATOR");
export const PLACE = must("LINLI_PLACE");

function must(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

type Cut = "before" | "after";

export class Phone implements Wx {
  /** What was sent, in order: method, path, idempotency key. */
  readonly sent: { method: string; path: string; key: string | undefined; token: string | undefined }[] = [];
  logins = 0;
  /** How the next requests fail: before they are sent, or after the server has answered. */
  cuts: Cut[] = [];
  /** Codes given out before new ones are asked for. */
  codes: string[] = [];
  private readonly stored = new Map<string, unknown>();

  constructor(readonly owner: string) {}

  request(options: Parameters<Wx["request"]>[0]): void {
    const { url, method, header, data } = options;
    void this.exchange(url, { method, headers: header, ...(data !== undefined && { body: data }) }).then(
      async (answer) =>
        options.success({ statusCode: answer.status, header: Object.fromEntries(answer.headers), data: await answer.text() }),
      (error: unknown) => options.fail({ errMsg: `request:fail ${String(error)}` }),
    );
  }

  uploadFile(options: Parameters<Wx["uploadFile"]>[0]): void {
    const send = async (): Promise<Response> => {
      const form = new FormData();
      form.append(options.name, new Blob([await readFile(options.filePath)]), "picture.png");
      return this.exchange(options.url, { method: "POST", headers: options.header, body: form });
    };
    void send().then(
      async (answer) => options.success({ statusCode: answer.status, data: await answer.text() }),
      (error: unknown) => options.fail({ errMsg: `uploadFile:fail ${String(error)}` }),
    );
  }

  login(options: Parameters<Wx["login"]>[0]): void {
    this.logins += 1;
    void this.code().then(
      (code) => options.success({ code }),
      (error: unknown) => options.fail({ errMsg: `login:fail ${String(error)}` }),
    );
  }

  getStorageSync(key: string): unknown {
    return this.stored.get(key) ?? "";
  }

  setStorageSync(key: string, value: unknown): void {
    this.stored.set(key, structuredClone(value));
  }

  removeStorageSync(key: string): void {
    this.stored.delete(key);
  }

  /** A code of this phone's owner, as the platform gives it out. */
  async newCode(): Promise<string> {
    const answer = await fetch(`${SIMULATOR}/_control/codes`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: this.owner }),
    });
    return ((await answer.json()) as { code: string }).code;
  }

  private async code(): Promise<string> {
    return this.codes.shift() ?? this.newCode();
  }

  private async exchange(url: string, init: RequestInit & { headers: Record<string, string> }): Promise<Response> {
    const { pathname } = new URL(url);
    const { Authorization: token, "Idempotency-Key": key } = init.headers;
    this.sent.push({ method: init.method ?? "GET", path: pathname, key, token });
    const cut = this.cuts.shift();
    if (cut === "before") throw new Error("no network");
    const answer = await fetch(url, init);
    const whole = new Response(await answer.arrayBuffer(), { status: answer.status, headers: answer.headers });
    if (cut === "after") throw new Error("the answer was lost");
    return whole;
  }
}
