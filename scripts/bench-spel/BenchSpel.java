import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.*;
import org.springframework.expression.Expression;
import org.springframework.expression.common.TemplateParserContext;
import org.springframework.expression.spel.standard.SpelExpressionParser;
import org.springframework.expression.spel.support.StandardEvaluationContext;

/**
 * Times expressions in a warm JVM: the real Spring Expression Language under the oracle's
 * restrictions. Arguments: executions.json, a document, then name=expression. Prints one line for
 * each: name, nanoseconds with a tree parsed once and a context that is ready, and nanoseconds with
 * parsing, which is what Spinnaker does for every string.
 */
public final class BenchSpel {
  private static Object sink;

  public static void main(String[] args) throws Exception {
    ObjectMapper json = new ObjectMapper();
    Map<String, Object> executions = read(json, args[0]);
    Map<String, Object> request = new LinkedHashMap<>();
    request.put("execution", executions.get("execution-01"));
    request.put("stageId", "s-now");
    for (int i = 2; i < args.length; i++) {
      String name = args[i].substring(0, args[i].indexOf('='));
      String text = args[i].substring(args[i].indexOf('=') + 1);
      StandardEvaluationContext context = context(request);
      SpelOracle.Transform transform =
          new SpelOracle.Transform(context, new SpelOracle.Summary(), SpelOracle.Orca.EXECUTION_AWARE);
      String spring = transform.addExecution(text);
      Expression parsed = new SpelExpressionParser().parseExpression(spring);
      double ready = time(() -> sink = parsed.getValue(context));
      double parsing = time(() -> sink = new SpelExpressionParser().parseExpression(spring).getValue(context));
      System.out.printf(Locale.ROOT, "%s %.1f %.1f%n", name, ready, parsing);
    }
    Map<String, Object> document = read(json, args[1]);
    StandardEvaluationContext context = context(request);
    // The document as Orca evaluates it, with a context that is ready.
    double whole =
        time(
            () ->
                sink =
                    new SpelOracle.Transform(context, new SpelOracle.Summary(), SpelOracle.Orca.EXECUTION_AWARE)
                        .map(document));
    double fresh =
        time(
            () ->
                sink =
                    new SpelOracle.Transform(context(request), new SpelOracle.Summary(), SpelOracle.Orca.EXECUTION_AWARE)
                        .map(document));
    System.out.printf(Locale.ROOT, "document %.1f %.1f%n", whole, fresh);
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> read(ObjectMapper json, String file) throws Exception {
    return json.readValue(new File(file), LinkedHashMap.class);
  }

  private static StandardEvaluationContext context(Map<String, Object> request) {
    StandardEvaluationContext context = SpelOracle.newContext(SpelOracle.Orca.rootOf(request), true);
    for (Method m : SpelOracle.Orca.Helpers.class.getDeclaredMethods()) {
      if (Modifier.isPublic(m.getModifiers())) context.registerFunction(m.getName(), m);
    }
    return context;
  }

  /**
   * Nanoseconds of the processor for one run, those of the compiler and the collector left out: the best of several
   * rounds, after two seconds of warming up.
   */
  private static double time(Runnable run) {
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    long end = threads.getCurrentThreadCpuTime() + 2_000_000_000L;
    while (threads.getCurrentThreadCpuTime() < end) run.run();
    double best = Double.MAX_VALUE;
    for (int round = 0; round < 5; round++) {
      int n = 0;
      long start = threads.getCurrentThreadCpuTime();
      long now = start;
      while (now - start < 200_000_000L) {
        for (int i = 0; i < 100; i++) run.run();
        n += 100;
        now = threads.getCurrentThreadCpuTime();
      }
      best = Math.min(best, (double) (now - start) / n);
    }
    return best;
  }
}
