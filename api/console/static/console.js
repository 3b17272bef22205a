"use strict";
// Sign-in, then Swagger UI on the administrators' OpenAPI document. No library but Swagger UI itself.

const STORE = "linli.console.session";
const WARN_MS = 2 * 60_000;
// The page lies at <prefix>/console/: everything else is found from there, whatever the prefix.
const root = new URL("../", location.href);
const signInUrl = new URL("admin/v1/sessions", root);
const $ = (id) => document.getElementById(id);

let session = null; // {token, person, idleMs}
let usedAt = 0;
let ui = null;
let shownFor = null;

class Refusal extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** fetch() that answers with an ok response or throws a Refusal whose message a person can read. */
async function call(method, url, { body, token } = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let response;
  try {
    response = await fetch(url, { method, body, headers, cache: "no-store" });
  } catch {
    throw new Refusal(0, "无法连接服务器，请检查网络后再试。");
  }
  if (response.ok) {
    if (token) usedAt = Date.now();
    return response;
  }
  const problem = await response.json().catch(() => ({}));
  const detail = problem.detail || `服务器返回 ${response.status}，请稍后再试。`;
  const id = response.status >= 500 && problem.request_id ? `（请求编号 ${problem.request_id}）` : "";
  throw new Refusal(response.status, detail + id);
}

/* ---- the session ---------------------------------------------------------------------------- */

function recall() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(STORE));
    return kept && typeof kept.token === "string" ? kept : null;
  } catch {
    return null;
  }
}

function forget() {
  session = null;
  sessionStorage.removeItem(STORE);
}

/** How long a session lives unused, by the server's own clock: its end minus the moment of the answer. */
function idleOf(response, expiresAt) {
  const left = Date.parse(expiresAt) - Date.parse(response.headers.get("date"));
  return Number.isFinite(left) && left > 0 ? left : 30 * 60_000;
}

async function signIn(form) {
  const body = new URLSearchParams({ grant_type: "password", ...Object.fromEntries(new FormData(form)) });
  const response = await call("POST", signInUrl, { body });
  const answer = await response.json();
  session = {
    token: answer.access_token,
    person: answer.person,
    idleMs: idleOf(response, answer.expires_at),
  };
  usedAt = Date.now();
  sessionStorage.setItem(STORE, JSON.stringify(session));
}

async function signOut() {
  const { token } = session;
  let said = "已退出登录。";
  try {
    await call("DELETE", new URL("admin/v1/sessions/current", root), { token });
  } catch (refusal) {
    if (refusal.status !== 401) said = `本页已退出，但服务器未确认：${refusal.message}`;
  }
  forget();
  clear();
  showSignIn(said, false);
}

/* ---- the two views -------------------------------------------------------------------------- */

function showSignIn(said = "", wrong = true) {
  $("workbench").hidden = $("who").hidden = true;
  $("sign-in").hidden = false;
  document.title = "登录 · 邻里管理控制台";
  $("alert").textContent = said;
  $("alert").hidden = !said;
  $("alert").classList.toggle("calm", !wrong);
  $("password").value = $("otp").value = "";
  $($("username").value ? "password" : "username").focus();
}

function showWorkbench() {
  $("sign-in").hidden = true;
  $("form").reset();
  $("workbench").hidden = $("who").hidden = false;
  $("person").textContent = session.person.nickname;
  $("idle-rule").textContent = `${Math.round(session.idleMs / 60_000)} 分钟没有操作会自动退出登录。`;
  document.title = "邻里 · 管理控制台";
  $("workbench-title").focus({ preventScroll: true });
  watch();
}

function clear() {
  ui = shownFor = null;
  $("swagger").replaceChildren();
}

/** A session the server ended while somebody works: what was typed stays, hidden, for their return. */
function expire(said) {
  forget();
  showSignIn(said);
}

function watch() {
  if (!session) return;
  const left = session.idleMs - (Date.now() - usedAt);
  if (left <= 0) {
    clear(); // nobody is there: nothing may be left for the next one to find
    expire("长时间没有操作，已自动退出登录，请重新登录。");
    return;
  }
  const soon = left <= WARN_MS;
  const said = soon ? `再过 ${Math.ceil(left / 60_000)} 分钟没有操作将自动退出登录。` : "";
  if ($("notice").textContent !== said) $("notice").textContent = said; // a reader speaks each change once
  $("stay").hidden = !soon;
}

/* ---- Swagger UI ----------------------------------------------------------------------------- */

function swaggerLoaded() {
  return new Promise((resolve, reject) => {
    if (window.SwaggerUIBundle) return resolve();
    $("swagger-script").addEventListener("load", resolve);
    $("swagger-script").addEventListener("error", () => reject(new Refusal(0, "控制台文件加载失败，请刷新页面。")));
  });
}

/** The document, its addresses turned to where this page really lives. */
function placed(spec) {
  spec.servers = [{ url: root.pathname.replace(/\/$/, "") || "/" }];
  for (const scheme of Object.values(spec.components?.securitySchemes ?? {})) {
    for (const flow of Object.values(scheme.flows ?? {})) {
      flow.tokenUrl = new URL(flow.tokenUrl.replace(/^\//, ""), root).href;
    }
  }
  return spec;
}

/** Of the document what the part at `path` needs: itself and the components that it refers to, near or far. */
function excerpt(spec, path) {
  const part = { ...spec, paths: {}, components: {} };
  const wanted = [path.slice(0, path[0] === "components" ? 3 : 2)]; // a path with its methods, or one component
  const follow = (value) => {
    if (value === null || typeof value !== "object") return;
    if (typeof value.$ref === "string") wanted.push(value.$ref.replace("#/components/", "components/").split("/"));
    Object.values(value).forEach(follow);
  };
  while (wanted.length) {
    const [from, ...at] = wanted.pop();
    let [source, target] = [spec[from], part[from]];
    for (const step of at.slice(0, -1)) [source, target] = [source?.[step], (target[step] ??= {})];
    const last = at.at(-1);
    if (source?.[last] === undefined || last in target) continue;
    target[last] = source[last];
    follow(source[last]);
  }
  return part;
}

/** Swagger UI reads the whole document anew for every operation that is opened: seconds. This hands it the excerpt. */
const readsExcerpts = () => ({
  afterLoad() {
    const whole = this.fn.resolveSubtree;
    this.fn.resolveSubtree = (spec, path, options) =>
      whole(path.length < 2 ? spec : excerpt(spec, path), path, options);
  },
});

/** Whether Swagger's own Authorize button holds a token; then it answers for its requests itself. */
const authorizedInSwagger = () => ui !== null && ui.authSelectors.authorized().size > 0;

function addToken(request) {
  const url = new URL(request.url, location.href);
  const foreign = url.origin !== root.origin || url.href === signInUrl.href;
  if (session && !foreign && !request.headers.Authorization) {
    request.headers.Authorization = `Bearer ${session.token}`;
  }
  return request;
}

function readAnswer(response) {
  const url = new URL(response.url, location.href);
  if (!session || authorizedInSwagger() || url.href === signInUrl.href) return response;
  if (response.status === 401) expire(response.obj?.detail || "登录已失效，请重新登录。");
  else usedAt = Date.now();
  return response;
}

async function open() {
  const [response] = await Promise.all([
    call("GET", new URL("admin/openapi.json", root), { token: session.token }),
    swaggerLoaded(),
  ]);
  if (shownFor !== session.person.id) {
    clear();
    ui = window.SwaggerUIBundle({
      spec: placed(await response.json()),
      domNode: $("swagger"),
      layout: "BaseLayout",
      presets: [window.SwaggerUIBundle.presets.apis],
      plugins: [readsExcerpts],
      requestInterceptor: addToken,
      responseInterceptor: readAnswer,
      showMutatedRequest: false, // the token stays out of the curl line people copy into reports
      persistAuthorization: false,
      validatorUrl: null,
      deepLinking: true,
      docExpansion: "list",
      defaultModelsExpandDepth: 0,
      displayRequestDuration: true,
      filter: true,
    });
    shownFor = session.person.id;
  }
  showWorkbench();
}

/* ---- start ---------------------------------------------------------------------------------- */

async function attempt(work) {
  $("submit").disabled = true;
  $("alert").hidden = true;
  try {
    await work();
    await open();
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    if (refusal.status === 401 || refusal.status === 403) forget();
    showSignIn(refusal.message);
  } finally {
    $("submit").disabled = false;
  }
}

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(() => signIn($("form")));
});
$("sign-out").addEventListener("click", signOut);
$("stay").addEventListener("click", async () => {
  try {
    await call("GET", new URL("admin/v1/sessions/current", root), { token: session.token });
    watch();
  } catch (refusal) {
    if (refusal.status === 401) expire(refusal.message);
    else $("notice").textContent = refusal.message;
  }
});
setInterval(watch, 5_000);

session = recall();
if (session) attempt(async () => {});
else showSignIn();
$("submit").disabled = false;
