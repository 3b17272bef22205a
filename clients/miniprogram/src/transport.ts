import { Interrupted, LoginFailed, Problem, problemOf } from "./errors.js";
import type { Method, Wx } from "./wx.js";

export interface Options {
  /** Where the API answers, without a slash at the end: `https://linli.example.cn`. */
  base: string;
  wx: Wx;
  /** How often one call is sent before `Interrupted` is thrown; 3 unless told. */
  attempts?: number;
  /** Milliseconds one attempt may take; 15,000 unless told. */
  timeout?: number;
  /** Which of several mini-programs this is. */
  app?: string;
  /** Waits; for tests. */
  sleep?: (milliseconds: number) => Promise<void>;
}

export interface Call {
  method: Method;
  /** With its query, beginning with a slash. */
  path: string;
  body?: unknown;
  /** Makes a POST safe to send again; one is made up where none is given. */
  key?: string;
}

export interface File {
  path: string;
  filePath: string;
  key?: string;
}

interface Answer {
  status: number;
  body: unknown;
  retryAfter: number;
}

interface Session {
  token: string;
  person: unknown;
}

/** Mini-programs have it; the language's own library does not declare it. */
declare function setTimeout(run: () => void, milliseconds: number): unknown;

const STORED = "linli.session";
const LONGEST_WAIT = 10_000;

/**
 * Requests with a session: logs in when there is none, once more when it ended, and sends again what may be
 * sent again. Calls that meet an ended session wait for one login together.
 */
export class Transport {
  private readonly wx: Wx;
  private readonly base: string;
  private readonly attempts: number;
  private readonly timeout: number;
  private readonly app: string | undefined;
  private readonly sleep: (milliseconds: number) => Promise<void>;
  private session: Session | undefined;
  private loggingIn: Promise<Session> | undefined;

  constructor(options: Options) {
    this.wx = options.wx;
    this.base = options.base;
    this.attempts = options.attempts ?? 3;
    this.timeout = options.timeout ?? 15_000;
    this.app = options.app;
    this.sleep = options.sleep ?? ((ms) => new Promise((done) => setTimeout(done, ms)));
    const stored = this.wx.getStorageSync(STORED) as Session | "" | undefined;
    this.session = stored && stored.token ? stored : undefined;
  }

  /** The body of a successful answer. Throws Problem, Interrupted, LoginFailed. */
  send(call: Call): Promise<unknown> {
    const key = call.method === "POST" ? (call.key ?? newKey()) : undefined;
    const repeatable = call.method !== "PATCH";
    return this.withSession((token) =>
      this.persist(repeatable, () => this.request(call, { ...bearer(token), ...(key && { "Idempotency-Key": key }) })),
    );
  }

  /** Uploads one file of the phone. Throws Problem, Interrupted, LoginFailed. */
  upload(file: File): Promise<unknown> {
    const key = file.key ?? newKey();
    return this.withSession((token) =>
      this.persist(true, () => this.uploadFile(file, { ...bearer(token), "Idempotency-Key": key })),
    );
  }

  /** The person as the session knows them; logs in if need be. */
  async person(): Promise<unknown> {
    return (this.session ?? (await this.login())).person;
  }

  /** Forget the session on this phone; the server's ends with DELETE /v1/sessions/current. */
  forget(): void {
    this.session = undefined;
    this.wx.removeStorageSync(STORED);
  }

  private async withSession(send: (token: string) => Promise<Answer>): Promise<unknown> {
    const session = this.session ?? (await this.login());
    let answer = await send(session.token);
    if (answer.status === 401 && problemOf(401, answer.body)?.code === "session_expired") {
      // Somebody else may have logged in again while this call was under way.
      if (this.session?.token === session.token) this.forget();
      answer = await send((this.session ?? (await this.login())).token);
    }
    return settled(answer);
  }

  private login(): Promise<Session> {
    this.loggingIn ??= this.newSession().finally(() => (this.loggingIn = undefined));
    return this.loggingIn;
  }

  /** A code is good for one request: whenever its answer is lost, a new one is asked for. */
  private async newSession(): Promise<Session> {
    const answer = await this.persist(true, async () => {
      const body = { code: await this.code(), ...(this.app !== undefined && { app: this.app }) };
      return this.request({ method: "POST", path: "/v1/sessions", body }, {});
    });
    const { token, person } = settled(answer) as { token: string; person: unknown };
    this.session = { token, person };
    this.wx.setStorageSync(STORED, this.session);
    return this.session;
  }

  private code(): Promise<string> {
    return new Promise((done, failed) =>
      this.wx.login({ success: ({ code }) => done(code), fail: ({ errMsg }) => failed(new LoginFailed(errMsg)) }),
    );
  }

  /** Again after an interruption, and after "busy, come again" while the wait is short. */
  private async persist(repeatable: boolean, attempt: () => Promise<Answer>): Promise<Answer> {
    for (let left = this.attempts - 1; ; left--) {
      const wait = 300 * 2 ** (this.attempts - 1 - left) * (0.5 + Math.random());
      try {
        const answer = await attempt();
        const busy = answer.status === 503 || answer.status === 429;
        const again = Math.max(wait, answer.retryAfter * 1000);
        if (!busy || !repeatable || left <= 0 || again > LONGEST_WAIT) return answer;
        await this.sleep(again);
      } catch (error) {
        if (!(error instanceof Interrupted) || !repeatable || left <= 0) throw error;
        await this.sleep(wait);
      }
    }
  }

  private request(call: Call, header: Record<string, string>): Promise<Answer> {
    return new Promise((done, failed) =>
      this.wx.request({
        url: this.base + call.path,
        method: call.method,
        header: { ...header, Accept: "application/json", ...(call.body !== undefined && { "Content-Type": "application/json" }) },
        ...(call.body !== undefined && { data: JSON.stringify(call.body) }),
        timeout: this.timeout,
        dataType: "其他",
        success: ({ statusCode, header: told, data }) => done(answerOf(statusCode, data, told)),
        fail: ({ errMsg }) => failed(new Interrupted(errMsg)),
      }),
    );
  }

  private uploadFile(file: File, header: Record<string, string>): Promise<Answer> {
    return new Promise((done, failed) =>
      this.wx.uploadFile({
        url: this.base + file.path,
        filePath: file.filePath,
        name: "file",
        header,
        formData: {},
        timeout: this.timeout * 4,
        success: ({ statusCode, data }) => done(answerOf(statusCode, data, {})),
        fail: ({ errMsg }) => failed(new Interrupted(errMsg)),
      }),
    );
  }
}

function answerOf(status: number, data: unknown, header: Record<string, string>): Answer {
  const after = Object.entries(header).find(([name]) => name.toLowerCase() === "retry-after")?.[1];
  return { status, body: parsed(data), retryAfter: Number(after ?? 0) || 0 };
}

/** The parsed body; what is not JSON (a proxy's page) stays as it is. */
function parsed(data: unknown): unknown {
  if (typeof data !== "string") return data;
  if (data === "") return undefined;
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}

function settled(answer: Answer): unknown {
  if (answer.status >= 200 && answer.status < 300) return answer.body;
  throw problemOf(answer.status, answer.body) ?? new Interrupted(`HTTP ${answer.status}`);
}

function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` };
}

/** 1–64 visible characters, never the same twice on a phone. */
function newKey(): string {
  const random = () => Math.random().toString(36).slice(2, 12).padEnd(10, "0");
  return `${Date.now().toString(36)}-${random()}${random()}`;
}
