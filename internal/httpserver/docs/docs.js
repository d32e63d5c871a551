"use strict";

// Renders /openapi.json. Everything of the description is put into the page as
// text, never as markup.

const methods = ["get", "post", "put", "patch", "delete"];
let doc;

// el makes an element. Attributes that start with "on" are listeners.
function el(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) e.setAttribute(name, value === true ? "" : value);
  }
  e.append(...children.filter((c) => c !== undefined && c !== null && c !== ""));
  return e;
}

function resolve(schema) {
  const name = schema && schema.$ref && schema.$ref.replace("#/components/schemas/", "");
  return name ? doc.components.schemas[name] || {} : schema || {};
}

function typeOf(schema) {
  const s = resolve(schema);
  const types = Array.isArray(s.type) ? s.type : [s.type || "any"];
  let text = types.map((t) => (t === "array" ? "list of " + typeOf(s.items) : t)).join(" or ");
  if (s.format) text += " (" + s.format + ")";
  return text;
}

function limits(schema) {
  const s = resolve(schema);
  const out = [];
  if (s.enum) out.push("one of " + s.enum.join(", "));
  const pairs = {
    minimum: "≥ ", maximum: "≤ ", exclusiveMinimum: "> ", exclusiveMaximum: "< ", minLength: "length ≥ ", maxLength: "length ≤ ",
    minItems: "items ≥ ", maxItems: "items ≤ ", pattern: "matches ", default: "default ",
  };
  for (const [key, text] of Object.entries(pairs)) if (s[key] !== undefined) out.push(text + s[key]);
  return out.join("; ");
}

// example makes a value that fits a schema, as far as that can be guessed.
function example(schema, depth = 0) {
  const s = resolve(schema);
  if (s.examples && s.examples.length) return s.examples[0];
  if (s.default !== undefined) return s.default;
  if (s.enum) return s.enum[0];
  const type = Array.isArray(s.type) ? s.type.find((t) => t !== "null") : s.type;
  if (depth > 6) return null;
  switch (type) {
    case "object": {
      const out = {};
      for (const [name, p] of Object.entries(s.properties || {})) {
        if (depth < 2 || (s.required || []).includes(name)) out[name] = example(p, depth + 1);
      }
      return out;
    }
    case "array": return depth > 3 ? [] : [example(s.items, depth + 1)];
    case "integer": case "number": return s.minimum || 0;
    case "boolean": return false;
    case "string":
      return { "date-time": "2026-01-31T12:00:00Z", date: "2026-01-31", uuid: "0190a1b2-0000-7000-8000-000000000000",
        email: "learner@example.org", uri: "/example" }[s.format] || "text";
    default: return null;
  }
}

function fields(schema) {
  const rows = [];
  const walk = (s, prefix, seen) => {
    const r = resolve(s);
    if (seen.includes(r)) return;
    const item = r.items && resolve(r.items);
    if (item && item.properties) return walk(r.items, prefix + "[]", seen.concat([r]));
    for (const [name, p] of Object.entries(r.properties || {})) {
      const path = prefix ? prefix + "." + name : name;
      const description = [resolve(p).description || p.description, limits(p)].filter(Boolean).join(" — ");
      rows.push(el("tr", {}, el("td", {}, el("code", {}, path)),
        el("td", {}, typeOf(p) + ((r.required || []).includes(name) ? "" : ", optional")), el("td", {}, description)));
      walk(p, path, seen.concat([r]));
    }
  };
  walk(schema, "", []);
  if (!rows.length) return el("p", {}, typeOf(schema));
  return table(["Field", "Type", ""], rows);
}

function table(heads, rows) {
  return el("table", {}, el("thead", {}, el("tr", {}, ...heads.map((h) => el("th", { scope: "col" }, h)))), el("tbody", {}, ...rows));
}

function bodyOf(operation) {
  const content = (operation.requestBody || {}).content || {};
  const type = content["application/json"] ? "application/json" : Object.keys(content)[0];
  return type && { type, schema: content[type].schema };
}

function tryIt(method, path, operation) {
  const inputs = [];
  const form = el("form");
  for (const p of operation.parameters || []) {
    if (!["path", "query", "header"].includes(p.in)) continue;
    const input = el("input", { required: p.required, placeholder: p.schema ? typeOf(p.schema) : "" });
    inputs.push([p, input]);
    form.append(el("label", {}, p.in + " " + p.name, input));
  }
  const body = bodyOf(operation);
  let area;
  if (body && body.type === "application/json") {
    area = el("textarea", { spellcheck: "false" });
    area.value = JSON.stringify(example(body.schema), null, 2);
    form.append(el("label", {}, "Body", area));
  }
  const answer = el("pre", { hidden: true, tabindex: "0", role: "status" });
  form.append(el("div", {}, el("button", { type: "submit" }, "Send")), answer);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    let target = path;
    const query = new URLSearchParams();
    const headers = {};
    for (const [p, input] of inputs) {
      if (p.in === "path") target = target.replace("{" + p.name + "}", encodeURIComponent(input.value));
      else if (input.value && p.in === "query") query.append(p.name, input.value);
      else if (input.value) headers[p.name] = input.value;
    }
    if ([...query].length) target += "?" + query;
    const token = document.getElementById("token").value.trim();
    if (token && operation.security) headers.Authorization = "Bearer " + token;
    const request = { method: method.toUpperCase(), headers };
    if (area) { headers["Content-Type"] = "application/json"; request.body = area.value; }
    answer.hidden = false;
    answer.textContent = "…";
    try {
      const start = performance.now();
      const response = await fetch(target, request);
      if ((response.headers.get("Content-Type") || "").startsWith("text/event-stream")) {
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        answer.textContent = response.status + "\n";
        for (let part = await reader.read(); !part.done; part = await reader.read()) answer.textContent += part.value;
        return;
      }
      let text = await response.text();
      const took = Math.round(performance.now() - start);
      try { text = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: as it is */ }
      const shown = ["content-type", "etag", "location", "retry-after", "x-request-id", "idempotency-replayed"]
        .filter((h) => response.headers.has(h)).map((h) => h + ": " + response.headers.get(h));
      answer.textContent = [response.status + " " + response.statusText + " (" + took + " ms)", ...shown, "", text].join("\n");
    } catch (error) {
      answer.textContent = "No answer: " + error.message;
    }
  });
  return form;
}

function details(method, path, operation) {
  const parts = [];
  if (operation.description) parts.push(el("p", {}, operation.description));
  if ((operation.parameters || []).length) {
    parts.push(el("h3", {}, "Parameters"), table(["Name", "In", "Type", ""], operation.parameters.map((p) => el("tr", {},
      el("td", {}, el("code", {}, p.name)), el("td", {}, p.in), el("td", {}, typeOf(p.schema) + (p.required ? "" : ", optional")),
      el("td", {}, [p.description, limits(p.schema)].filter(Boolean).join(" — "))))));
  }
  const body = bodyOf(operation);
  if (body) parts.push(el("h3", {}, "Body ", el("span", { class: "faint" }, body.type)), fields(body.schema));
  parts.push(el("h3", {}, "Answers"));
  for (const [status, response] of Object.entries(operation.responses || {})) {
    const content = response.content || {};
    const type = Object.keys(content)[0];
    const schema = type && content[type].schema;
    const line = status + " " + (response.description || "");
    if (!schema || type === "application/problem+json") {
      parts.push(el("p", {}, line + (type ? " — a problem" : "")));
      continue;
    }
    parts.push(el("details", { open: status < "300" }, el("summary", {}, line), fields(schema),
      el("pre", { tabindex: "0" }, JSON.stringify(example(schema), null, 2))));
  }
  parts.push(el("details", {}, el("summary", {}, "Try it"), tryIt(method, path, operation)));
  return parts;
}

function article(method, path, operation) {
  const inner = el("div");
  const box = el("details", { ontoggle: () => {
    if (box.open && !inner.hasChildNodes()) inner.append(...details(method, path, operation));
  } },
  el("summary", {}, el("span", { class: "method " + method }, method.toUpperCase()), el("code", {}, path),
    el("span", {}, operation.summary || ""), el("span", { class: "permission" }, operation["x-permission"] || "public")), inner);
  const e = el("article", { id: operation.operationId }, box);
  e.dataset.text = [method, path, operation.operationId, operation.summary, operation["x-permission"]].join(" ").toLowerCase();
  return e;
}

function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const box = target && target.querySelector(":scope > details");
  if (!box) return;
  box.open = true;
  target.scrollIntoView();
}

function find(event) {
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const e of document.querySelectorAll("article, nav li")) {
    const text = (e.dataset.text || document.getElementById(e.dataset.id).dataset.text);
    e.hidden = !words.every((w) => text.includes(w));
  }
}

async function start() {
  const content = document.getElementById("content");
  const response = await fetch("/openapi.json");
  if (!response.ok) throw new Error("the server answered " + response.status);
  doc = await response.json();
  document.getElementById("version").textContent = doc.info.version;
  content.replaceChildren(el("p", {}, doc.info.description || ""));
  const index = document.getElementById("index");
  for (const tag of doc.tags || []) {
    const section = el("section", {}, el("h2", {}, tag.name));
    const list = el("ul");
    for (const path of Object.keys(doc.paths).sort()) {
      for (const method of methods) {
        const operation = doc.paths[path][method];
        if (!operation || !(operation.tags || []).includes(tag.name)) continue;
        section.append(article(method, path, operation));
        const item = el("li", {}, el("a", { href: "#" + operation.operationId }, operation.summary || operation.operationId));
        item.dataset.id = operation.operationId;
        list.append(item);
      }
    }
    content.append(section);
    index.append(el("h2", {}, tag.name), list);
  }
  document.getElementById("find").addEventListener("input", find);
  addEventListener("hashchange", openTarget);
  openTarget();
}

start().catch((error) => {
  document.getElementById("content").replaceChildren(el("p", { role: "alert" }, "The description could not be loaded: " + error.message));
});
