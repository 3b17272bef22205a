/** What the server refused, as it said it (RFC 9457). `code` is for programs, `detail` for people. */
export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    /** The moves open now, where the moment was wrong. */
    readonly moves: readonly string[],
    /** What is malformed, by place. */
    readonly errors: readonly FieldError[],
    readonly requestId: string,
    /** Everything else the server said about it. */
    readonly facts: Readonly<Record<string, unknown>>,
  ) {
    super(detail || title);
  }
}

export interface FieldError {
  loc: (string | number)[];
  msg: string;
  type: string;
}

/** No answer arrived, or none that is ours: whether the request was carried out is not known. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** `wx.login` itself failed: there is no code to log in with. */
export class LoginFailed extends Error {
  override readonly name = "LoginFailed";
}

export function problemOf(status: number, body: unknown): Problem | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const { code, title, detail, moves, errors, request_id, type: _type, status: _status, ...facts } =
    body as Record<string, unknown>;
  if (typeof code !== "string" || typeof title !== "string") return undefined;
  return new Problem(
    status,
    code,
    title,
    typeof detail === "string" ? detail : "",
    Array.isArray(moves) ? (moves as string[]) : [],
    Array.isArray(errors) ? (errors as FieldError[]) : [],
    typeof request_id === "string" ? request_id : "",
    facts,
  );
}
