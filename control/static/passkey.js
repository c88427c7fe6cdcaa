/* Vọng Lâu: asks a security key or passkey, when a form that says so is sent. Without this script the same pages work
   by code. It reads the question from our own server, hands it to the browser, and puts the answer into the form. */
"use strict";
(() => {
  if (!window.PublicKeyCredential || !navigator.credentials) return;

  const bytes = (text) => {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
  };
  const text = (buffer) => {
    let plain = "";
    for (const byte of new Uint8Array(buffer)) plain += String.fromCharCode(byte);
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };
  const known = (list) => (list || []).map((one) => ({ type: one.type, id: bytes(one.id) }));

  const asked = (options) => {
    const asked = { ...options, challenge: bytes(options.challenge) };
    if (options.user) asked.user = { ...options.user, id: bytes(options.user.id) };
    if (options.excludeCredentials) asked.excludeCredentials = known(options.excludeCredentials);
    if (options.allowCredentials) asked.allowCredentials = known(options.allowCredentials);
    return asked;
  };

  const answer = (credential) => {
    const said = credential.response;
    const response = { clientDataJSON: text(said.clientDataJSON) };
    if (said.attestationObject) response.attestationObject = text(said.attestationObject);
    if (said.authenticatorData) response.authenticatorData = text(said.authenticatorData);
    if (said.signature) response.signature = text(said.signature);
    if (said.userHandle) response.userHandle = text(said.userHandle);
    return JSON.stringify({
      id: credential.id, rawId: text(credential.rawId), type: credential.type, response,
      clientExtensionResults: {},
    });
  };

  const options = async (form) => {
    if (form.dataset.options) return JSON.parse(form.dataset.options);
    const got = await fetch(form.dataset.optionsFrom, {
      method: "POST", body: new FormData(form), headers: { Accept: "application/json" }, credentials: "same-origin",
    });
    if (!got.ok) throw new Error("refused");
    return got.json();
  };

  const ask = async (form) => {
    const publicKey = asked(await options(form));
    const making = form.dataset.key === "create";
    const credential = await (making ? navigator.credentials.create({ publicKey }) : navigator.credentials.get({ publicKey }));
    form.querySelector("input[data-key-answer]").value = answer(credential);
    form.submit();
  };

  for (const form of document.querySelectorAll("form[data-key]")) {
    form.hidden = false;
    document.querySelectorAll("[data-without-key]").forEach((node) => { node.hidden = true; });
    const failed = form.querySelector("[data-key-failed]");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const button = form.querySelector("button");
      failed.hidden = true;
      button.disabled = true;
      ask(form).catch(() => { failed.hidden = false; button.disabled = false; failed.focus(); });
    });
  }
})();
