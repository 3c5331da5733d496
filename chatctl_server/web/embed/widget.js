/*
 * <script src="…/embed/widget.js" data-site="KEY" defer></script>
 *
 * It runs again in an empty frame, where Array.prototype and JSON are not what the page has made of
 * them, and draws from there into a shadow root. What people wrote is text nodes only.
 */
(async () => {
  const TAG = "chatctl-widget";
  const script = document.currentScript;
  const server = new URL(script.src).origin;
  const { site, user = "", hash } = script.dataset;

  /** Where to draw, and the page's window; nothing where the frame goes on. It calls nothing that
   * the page may have changed. */
  const place = () =>
    new Promise((found) => {
      const outer = window.frameElement?.getRootNode();
      if (outer?.host?.localName === TAG) return found({ root: outer, page: parent });
      document.querySelector(TAG)?.remove(); // of another user, before
      const host = document.createElement(TAG);
      const root = host.attachShadow({ mode: "open" });
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.onload = () => {
        frame.onload = null;
        const again = frame.contentDocument.createElement("script");
        for (const name in script.dataset) again.dataset[name] = script.dataset[name];
        again.nonce = script.nonce;
        try {
          again.src = script.src;
        } catch {
          return found({ root, page: window }); // only Trusted Types may be put there
        }
        frame.contentDocument.head.append(again);
        found({});
      };
      root.append(frame);
      document.documentElement.append(host);
    });

  const { root, page } = await place();
  if (!root) return;

  const words = {
    open: ["Open chat", "打开聊天"],
    close: ["Close chat", "关闭聊天"],
    write: ["Write a message…", "输入消息…"],
    send: ["Send", "发送"],
    attach: ["Attach files", "发送文件"],
    you: ["You", "我"],
    unread: [" unread", " 条未读"],
    waiting: ["Waiting", "等待发送"],
    again: ["Not sent. Try again", "未发送，点击重试"],
    offline: ["Offline. Messages are sent later.", "网络已断开，恢复后自动发送。"],
    here: ["We are here", "在线"],
    away: ["We are away", "暂时不在，请留言"],
    back: [" · back ", " · 恢复服务："],
    name: ["Name", "姓名"],
    email: ["E-mail", "邮箱"],
    start: ["Start chat", "开始聊天"],
    typing: ["is writing…", "正在输入…"],
    edited: [" · edited", " · 已编辑"],
    closed: ["Closed. How was it? ", "会话已结束，请评价："],
    thanks: ["Thank you!", "感谢评价！"],
    down: ["Not available now.", "暂时无法使用。"],
  };
  const say = (word) => words[word][+isChinese];

  // What outlives a reload, the same in all tabs

  const KEY = `chatctl ${server} ${site} `;
  let storage = {};
  let { locks } = navigator;
  try {
    localStorage[KEY] = "";
    storage = localStorage;
  } catch {
    locks = null; // blocked or full
  }
  const load = (name) => JSON.parse(storage[KEY + name] ?? null);
  const save = (name, value) => {
    try {
      storage[KEY + name] = JSON.stringify(value);
    } catch {} // full
  };
  const forget = (name) => delete storage[KEY + name];
  const nameOf = (key) => (key?.startsWith(KEY) ? key.slice(KEY.length) : "");
  const waiting = () => {
    const all = Object.keys(storage).map(nameOf);
    return all.filter((each) => each.startsWith("out ")).sort();
  };

  const startAnew = () => {
    for (const name of ["visitor", "form", "read", ...waiting()]) forget(name);
    save("user", user);
  };
  if (load("user") !== user) startAnew();

  // The server

  let me;
  const ask = async (method, path, body) => {
    const headers = me ? { "X-Site-Key": site, "X-Visitor-Token": me.visitor_token } : {};
    if (body && !(body instanceof FormData)) {
      headers["Content-Type"] = "application/json";
      body = JSON.stringify(body);
    }
    const given = { method, headers, body, signal: AbortSignal.timeout(30000) };
    const answer = await fetch(server + path, given);
    if (answer.ok) return answer;
    throw { status: answer.status, seconds: +answer.headers.get("Retry-After") };
  };
  const get = async (path) => (await ask("GET", path)).json();
  const post = async (path, body) => (await ask("POST", path, body)).json();
  const passes = ({ status }) => !status || status === 429 || status >= 500;

  const config = await get(`/embed/config/${encodeURIComponent(site)}`);
  const style = await (await ask("GET", "/embed/widget.css")).text();
  const language = config.locale ?? navigator.language;
  const isChinese = language.startsWith("zh");
  me = load("visitor");

  // What is drawn

  const el = (tag, given = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(given)) {
      if (name in node) node[name] = value;
      else node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
  };
  const button = (name, path, onclick) => {
    const make = (tag) => document.createElementNS("http://www.w3.org/2000/svg", tag);
    const svg = make("svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.appendChild(make("path")).setAttribute("d", path);
    const label = say(name);
    return el("button", { className: name, title: label, "aria-label": label, onclick }, svg);
  };
  const CROSS = "m6 6 12 12M18 6 6 18";
  const BUBBLE = "M21 12a9 8 0 0 1-13 7l-5 2 2-5a9 8 0 1 1 16-4z";
  const CLIP = "m20 11-8 8a5 5 0 0 1-7-7l8-8a3 3 0 0 1 5 5l-8 8a1 1 0 0 1-3-3l7-7";
  const ARROW = "M4 12h15m-6-6 6 6-6 6";

  const launcher = button("open", BUBBLE, () => toggle());
  const badge = launcher.appendChild(el("span", { hidden: true }));
  const log = el("ol", { role: "log" });
  const scroller = el("div", { tabIndex: 0 }, log);
  const typing = el("p", { role: "status" });
  const notice = el("p", { role: "status" });
  const input = el("textarea", { rows: 1, placeholder: say("write"), "aria-label": say("write") });
  const picker = el("input", { type: "file", multiple: true, hidden: true });
  const attach = button("attach", CLIP, () => picker.click());
  const composer = el("footer", {}, attach, picker, input, button("send", ARROW, () => submit()));
  const isAway = !config.is_open;
  const hours = el("p", {}, say(isAway ? "away" : "here"));
  const leave = button("close", CROSS, () => toggle());
  const header = el("header", {}, el("h2", {}, config.name), hours, leave);
  const panel = el("section", { role: "dialog", "aria-label": config.name, hidden: true });
  const box = el("div", { lang: isChinese ? "zh" : "en" }, panel, launcher);
  box.style.setProperty("--accent", config.theme.color);
  if (config.greeting) log.append(el("li", {}, el("div", {}, config.greeting)));
  const clock = (at, more) => {
    const form = { hour: "numeric", minute: "2-digit", ...more };
    return new Date(at).toLocaleString(language, form);
  };
  const opensAt = config.next_open_at;
  if (isAway && opensAt) hours.append(say("back") + clock(opensAt, { weekday: "short" }));

  const asks = me || user || load("form") ? [] : config.features.asks;
  const form = el("form", { onsubmit: () => begin() });
  for (const name of asks) {
    const given = { name, type: name === "email" ? name : "text", required: true };
    form.append(el("input", { ...given, placeholder: say(name), "aria-label": say(name) }));
  }
  form.append(el("button", { className: "start" }, say("start")));
  const begin = () => {
    if (form.reportValidity()) {
      save("form", Object.fromEntries(new FormData(form)));
      form.replaceWith(composer);
      input.focus();
    }
    return false;
  };

  const toggle = () => {
    panel.hidden = !panel.hidden;
    launcher.ariaExpanded = !panel.hidden;
    (panel.hidden ? launcher : panel.querySelector("input:not([hidden]), textarea")).focus();
    count();
    wake();
  };
  panel.onkeydown = (event) => {
    if (event.key === "Escape") toggle();
    event.stopPropagation(); // the page may have shortcuts
  };

  // Messages; one's own by their client_msg_id: what waits becomes what was sent

  const items = new Map();
  const show = (message, state = "") => {
    const isMine = state || message.sender_id === me.customer_id;
    const key = (isMine && message.client_msg_id) || message.id;
    const known = items.get(key);
    const edited = message.edited_at ?? "";
    if (known && (!known.isConnected || (known.message.id && edited <= known.edited))) return;
    const item = known ?? el("li");
    const at = state ? `~${key}` : message.timestamp;
    const text = el("div", { dir: "auto" }, ...linked(message.content ?? ""));
    const file = message.upload ?? message.file;
    if (file) text.append(fileOf(file));
    item.className = `${isMine ? "mine" : "theirs"} ${state}`;
    const who = isMine ? say("you") : message.sender_name || config.name;
    item.replaceChildren(el("b", {}, who), text, el("small", {}, under(message, state)));
    let next = null;
    for (let each = log.lastChild; each?.at > at; each = each.previousSibling) next = each;
    if (item.at !== at) log.insertBefore(item, next);
    items.set(key, Object.assign(item, { message, at, isMine, edited }));
    if (state) scroller.scrollTop = 0;
    count();
  };
  const under = ({ timestamp, edited_at, client_msg_id }, state) => {
    if (state === "waiting") return say("waiting");
    if (state) return el("button", { onclick: () => again(client_msg_id) }, say("again"));
    return clock(timestamp) + (edited_at ? say("edited") : "");
  };

  const linked = (text) =>
    text.split(/(https?:\/\/[^\s<>"'，。]+)/).map((href, n) => {
      return n % 2 ? el("a", { href, target: "_blank" }, href) : href;
    });

  /** It is fetched with the visitor's token, which is put into no address. */
  const fileOf = ({ url, name, size, type }) => {
    const blob = async () => URL.createObjectURL(await (await ask("GET", url)).blob());
    const save = async () => el("a", { href: await blob(), download: name }).click();
    const link = el("button", { onclick: save }, `${name} (${Math.ceil(size / 1024)} KB)`);
    if (url && /^image/.test(type)) {
      const image = el("img", { alt: name, onload: () => link.replaceChildren(image) });
      blob().then((src) => (image.src = src), () => {});
    }
    return link;
  };

  /** Unread is what others wrote behind what was looked at last, in whichever tab. */
  const count = () => {
    const read = load("read") ?? "";
    const unread = [...log.children].filter(({ at, isMine }) => at > read && !isMine);
    const isSeen = unread.length && !panel.hidden && !page.document.hidden;
    if (isSeen) {
      save("read", unread.at(-1).at);
      tell("Read", { message_ids: unread.map(({ message }) => message.id) });
    }
    badge.hidden = isSeen || !unread.length;
    badge.textContent = unread.length;
    const label = say(panel.hidden ? "open" : "close");
    launcher.ariaLabel = badge.hidden ? label : `${label}, ${unread.length}${say("unread")}`;
  };
  page.document.addEventListener("visibilitychange", count);

  let typingEnds;
  const showTyping = () => {
    clearTimeout(typingEnds);
    typing.textContent = say("typing");
    typingEnds = setTimeout(() => (typing.textContent = ""), 6000);
  };

  const showStatus = (status) => {
    const isClosed = status === "closed";
    notice.textContent = isClosed ? say("closed") : "";
    for (const score of isClosed ? [1, 2, 3, 4, 5] : []) {
      const onclick = () => {
        notice.textContent = say("thanks");
        post(`/api/conversations/${conversation.id}/rating`, { score }).catch(() => {});
      };
      notice.append(el("button", { "aria-label": `${score}/5`, onclick }, "★"));
    }
  };

  let hasOlder = false;
  scroller.onscroll = async () => {
    const { scrollTop, scrollHeight, clientHeight } = scroller;
    if (scrollHeight - clientHeight + scrollTop > 40 || !hasOlder) return;
    hasOlder = false;
    const first = [...log.children].find((each) => each.message);
    await messages(`&before=${first.message.id}`).catch(() => (hasOlder = true));
  };

  // What is written waits, by its client_msg_id, until the server has it

  const out = new Map();
  const wait = (body) => {
    out.set(body.client_msg_id, body);
    show(body, "waiting");
  };
  let sentAt = 0;
  const send = (body) => {
    sentAt = Math.max(sentAt + 1, Date.now());
    body.client_msg_id = sentAt + crypto.getRandomValues(new Uint32Array(3)).join("");
    if (!body.upload) save(`out ${body.client_msg_id}`, body);
    wait(body);
    run();
    flush();
  };
  const again = (id) => {
    out.get(id).failed = false;
    show(out.get(id), "waiting");
    flush();
  };

  let isHere = false; // level with the server
  let isFlushing = false;
  const flush = async () => {
    if (isFlushing) return;
    isFlushing = true;
    for (const body of out.values()) {
      if (!isHere) break;
      if (body.failed) continue;
      try {
        await deliver(body);
      } catch (error) {
        if (passes(error)) {
          setTimeout(flush, (error.seconds || 3) * 1000);
          break;
        }
        body.failed = true;
        show(body, "failed");
      }
    }
    isFlushing = false;
  };
  const deliver = async ({ upload, ...body }) => {
    if (!conversation) {
      await post("/api/conversations", {});
      await refresh();
    }
    const path = `/api/conversations/${conversation.id}`;
    if (upload) {
      const form = new FormData();
      form.append("file", upload);
      [body.file] = await post(`${path}/files`, form);
      body.message_type = upload.type.startsWith("image/") ? "image" : "file";
    }
    show(await post(`${path}/messages`, body));
    out.delete(body.client_msg_id);
    forget(`out ${body.client_msg_id}`);
  };

  const submit = () => {
    const content = input.value.trim();
    input.value = "";
    if (content) send({ content });
  };
  input.onkeydown = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  };
  let typedAt = 0;
  input.oninput = () => {
    if (Date.now() - typedAt < 3000) return;
    typedAt = Date.now();
    tell("Typing");
  };
  const sendFiles = (files) => {
    for (const upload of files) send({ content: "", upload });
  };
  input.onpaste = (event) => sendFiles(event.clipboardData.files);
  picker.onchange = () => {
    sendFiles(picker.files);
    picker.value = "";
  };

  // What is heard: over a WebSocket, else by Replay again and again

  let conversation;
  let last; // event_id; empty: nothing has happened
  let isStale = true; // the conversation is to be read
  let socket;
  let wake = () => {};
  const pause = (seconds) =>
    new Promise((done) => {
      wake = done;
      setTimeout(done, seconds * 1000);
    });
  const tell = (type, payload) => {
    if (!socket || !conversation) return;
    payload = { conversation_id: conversation.id, ...payload };
    socket.send(JSON.stringify({ type, payload }));
  };

  let isRunning = false;
  const run = async () => {
    if (isRunning) return;
    isRunning = true;
    for (let tries = 0, failures = 0, polls = 0; ; ) {
      let seconds = Math.random();
      try {
        if (!me) await identify();
        if (!polls && (await live())) failures = 0;
        else {
          await poll();
          polls = polls ? polls - 1 : Math.min(64, 2 ** failures++);
          seconds = panel.hidden ? 10 : 2;
        }
        tries = 0;
      } catch (error) {
        isHere = false;
        notice.textContent = say(passes(error) ? "offline" : "down");
        if (error.status === 401 && me) {
          startAnew();
          me = last = conversation = undefined;
          isStale = true;
        } else if (!passes(error)) return;
        seconds = Math.max(Math.random() * Math.min(20, 2 ** tries++), error.seconds || 0);
      }
      await pause(seconds);
    }
  };
  addEventListener("online", () => wake());

  const identify = async () => {
    const make = async () => {
      await pause(0.3); // so long it takes to be seen in all tabs
      const more = user && { user_id: user, identity_hash: hash };
      me = load("visitor") ?? (await post("/api/visitors", { site, ...load("form"), ...more }));
      save("visitor", me);
    };
    await (locks?.request(KEY, make) ?? make()); // whichever tab is first
  };

  /** Whether there was a connection; at its end. */
  const live = () =>
    new Promise((done, fail) => {
      let heard = Date.now();
      const held = []; // an operator's, perhaps: SUPPORT_ACCESS=open
      const since = last;
      const mine = new WebSocket(config.websocket_url + (since ? `?since_event_id=${since}` : ""));
      const end = ({ code }) => {
        clearInterval(watch);
        mine.onmessage = mine.onclose = mine.onerror = null;
        mine.close();
        if (code >= 4500) fail({ status: code === 4501 ? 401 : 403 });
        done(socket === mine);
        socket = null;
        isHere = false;
      };
      const watch = setInterval(() => {
        const silent = Date.now() - heard;
        if (silent > 35000) end({});
        else if (silent > 25000 && socket) mine.send('{"type":"Ping"}');
      }, 5000);
      const auth = { type: "Auth", payload: { site, visitor: me.visitor_token } };
      mine.onopen = () => mine.send(JSON.stringify(auth));
      mine.onclose = mine.onerror = end; // of one that a policy forbids there is no close
      mine.onmessage = ({ data }) => {
        heard = Date.now();
        const frame = JSON.parse(data);
        if (frame.type === "system.welcome") last ||= frame.event_id;
        else if (frame.type === "Authenticated") {
          socket = mine;
          isStale ||= !since;
          level().catch(end);
          held.forEach(hear);
        } else if (socket === mine) hear(frame);
        else held.push(frame);
      };
    });

  const poll = async () => {
    const path = "/api/events/replay?limit=500";
    // Nothing is that late: it says what the newest is.
    last ??= (await get(`${path}&from=9999-01-01T00:00:00Z`)).next_since ?? "";
    await level();
    for (let more = true; more; ) {
      const page = await get(last ? `${path}&since_event_id=${last}` : path);
      page.events.forEach(hear);
      last = page.next_since ?? "";
      more = page.has_more;
    }
  };

  const level = async () => {
    if (isStale) await refresh();
    else tell("JoinConversation");
    if (!isHere) showStatus(conversation?.status);
    isHere = true;
    flush();
  };
  const refresh = async () => {
    [conversation] = await get("/api/conversations");
    if (conversation) await messages();
    isStale = false;
    tell("JoinConversation");
  };
  const messages = async (more = "") => {
    const found = await get(`/api/conversations/${conversation.id}/messages?limit=50${more}`);
    found.forEach((each) => show(each));
    hasOlder = found.length === 50;
  };

  const hear = ({ type, event_id, data, payload }) => {
    const name = type.replace("domain.event.", "");
    if (type === "Typing" && payload.user_id !== me.customer_id) showTyping();
    if (name === type) return; // an answer
    last = event_id;
    if (data.conversation_id !== conversation?.id) {
      isStale = true;
      return refresh().catch(() => socket?.close());
    }
    if (data.message && !data.message.is_private) show(data.message);
    if (name === "message_deleted") {
      [...log.children].find((each) => each.message?.id === data.message_id)?.remove();
      count();
    }
    if (name === "conversation_closed") showStatus((conversation.status = "closed"));
    if (name === "conversation_reopened") showStatus((conversation.status = "open"));
  };

  // The beginning

  addEventListener("storage", ({ key, newValue }) => {
    const name = nameOf(key);
    if (name.startsWith("out ")) newValue ? wait(JSON.parse(newValue)) : out.delete(name.slice(4));
    if (name === "visitor" && newValue) run();
    if (name === "read") count();
  });
  const sheet = new page.CSSStyleSheet();
  sheet.replaceSync(style);
  root.adoptedStyleSheets = [sheet];
  panel.append(header, scroller, typing, notice, asks.length ? form : composer);
  root.append(box);
  for (const name of waiting()) wait(load(name));
  if (me || user || out.size) run();
})();
