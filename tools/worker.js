// Workers for pages that are opened from the disk, where browsers allow none: a hidden frame runs the script instead.
if (location.protocol === "file:") {
  const START = `
    self.postMessage = (data) => parent.postMessage(data, "*");
    self.importScripts = (...urls) => urls.reduce((before, url) => before.then(() => new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = url;
      script.onload = done;
      script.onerror = failed;
      document.body.appendChild(script);
    })), Promise.resolve());`;
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.onmessage = null;
      // What is said before the script listens is kept for it.
      this.ready = new Promise((done) => {
        this.frame.onload = done;
      });
      this.frame.srcdoc = `<body><script>${START}<\/script><script src="${url}"><\/script></body>`;
      document.body.appendChild(this.frame);
      window.addEventListener("message", ({ data, source }) => {
        if (source !== this.frame.contentWindow) return;
        const event = new MessageEvent("message", { data });
        this.dispatchEvent(event);
        this.onmessage?.(event);
      });
    }

    postMessage(data) {
      // The frame's own `postMessage` speaks to the page.
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
