// Questions to the demo, which serves this page.

export class Refused extends Error {
  constructor(answer) {
    super(answer.problem ?? "");
    this.problems = answer.problems ?? [];
  }
}

export async function ask(question, body = {}) {
  let response;
  try {
    response = await fetch(`/ask/${question}`, {
      method: "POST",
      headers: {"Content-Type": "application/json"},
      body: JSON.stringify(body),
    });
  } catch {
    throw new Refused({problem: "The demo does not answer. Is it still running in its terminal?"});
  }
  const answer = await response.json();
  if (!response.ok) throw new Refused(answer);
  return answer;
}
