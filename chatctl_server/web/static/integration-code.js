/** The code to copy, with the address of this server and the key in `?site=`. */
const key = new URLSearchParams(location.search).get("site") ?? "";
const isKey = /^[\w-]{1,100}$/.test(key); // anything else would be code
const language = navigator.language.startsWith("zh") ? "zh" : "en";

document.documentElement.lang = language;
for (const each of document.querySelectorAll(`[lang]:not(html, [lang=${language}])`)) each.remove();
for (const each of document.querySelectorAll(".wrong")) each.hidden = isKey;
for (const each of document.querySelectorAll("a")) each.search = location.search;

for (const pre of document.querySelectorAll("pre")) {
  const code = pre.firstChild;
  code.textContent = code.textContent.replaceAll("ORIGIN", location.origin);
  if (isKey) code.textContent = code.textContent.replaceAll('"KEY"', `"${key}"`);
  const button = document.createElement("button");
  button.textContent = language === "zh" ? "复制" : "Copy";
  button.onclick = () => {
    getSelection().selectAllChildren(code); // for where there is no clipboard to write to
    navigator.clipboard?.writeText(code.textContent).catch(() => {});
  };
  pre.after(button);
}
